// SPDX-License-Identifier: Apache-2.0
#include "proxy/runtime/layers.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/runtime/table.h"

namespace heirloom::runtime {
namespace {

namespace fs = std::filesystem;
using config::parse_runtime_value;

struct Tree {
    fs::path root;
    Tree() {
        std::string name = (fs::temp_directory_path() / "runtime-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        root = name;
    }
    ~Tree() { fs::remove_all(root); }
    void write(const char* name, const std::string& text) const {
        fs::create_directories((root / name).parent_path());
        std::ofstream(root / name) << text;
    }
};

config::RuntimeConfig two_disks_and_admin(const fs::path& root) {
    return {{{"base", config::RuntimeValues{{"a", parse_runtime_value("1")}, {"b", parse_runtime_value("1")}}},
             {"disk", config::DiskLayerConfig{root.string(), (root / "one").string()}},
             {"more", config::DiskLayerConfig{root.string(), (root / "two").string()}},
             {"admin", config::AdminLayerConfig{}}}};
}

}  // namespace

TEST_CASE_FIXTURE(Tree, "a directory's files are values, their paths the keys") {
    write("health_check/min_interval", "5\n");
    write("a/b/c", "# why\n  true \n\n");
    write("empty", "# nothing yet\n");
    write("with.dot", "x\ny\n");
    const auto values = read_directory(root.string());
    REQUIRE(values.ok());
    CHECK(values->size() == 4);
    CHECK(values->at("health_check.min_interval").integer == 5);
    CHECK(values->at("a.b.c").text == "  true");
    CHECK(values->at("a.b.c").truth == true);
    CHECK(values->at("empty").text == "");
    CHECK(values->at("with.dot").text == "x\ny");
    std::string deep;
    for (int i = 0; i < 16; ++i) deep += "d/";
    write((deep + "file").c_str(), "1");
    CHECK(read_directory(root.string()).error().text.find("depth exceeded 16") != std::string::npos);
}

TEST_CASE_FIXTURE(Tree, "later layers win; one that cannot be read is left out") {
    const config::RuntimeConfig config = two_disks_and_admin(root);
    Layers loaded = load_layers(config, {});
    CHECK(loaded.layers.size() == 2);  // directories that are not there are no layers
    CHECK((loaded.disk_layers == 0 && loaded.error.empty()));
    write("one/a", "2");
    write("two/a", "3");
    loaded = load_layers(config, {{"b", parse_runtime_value("4")}});
    CHECK(loaded.layers.size() == 4);
    CHECK(loaded.disk_layers == 2);
    CHECK(loaded.layers[3].name == "admin");
    CHECK(loaded.merged().at("a").integer == 3);
    CHECK(loaded.merged().at("b").integer == 4);
    write("two/big", std::string((1u << 20) + 1, 'x'));
    loaded = load_layers(config, {});
    CHECK(loaded.error.find("big: has more than 1 MiB") != std::string::npos);
    CHECK(loaded.layers.size() == 3);
    CHECK(loaded.merged().at("a").integer == 2);
}

TEST_CASE("a table answers by key, with the configured value where none is set") {
    const auto key = config::RuntimeKey::of("layers_test.key"), other = config::RuntimeKey::of("layers_test.other");
    const Table table({{"layers_test.key", parse_runtime_value("7")},
                       {"layers_test.word", parse_runtime_value("seven")},
                       {"layers_test.share", parse_runtime_value("{numerator: 7, denominator: MILLION}")},
                       {"layers_test.much", parse_runtime_value("101")},
                       {"layers_test.yes", parse_runtime_value("true")}});
    const auto word = config::RuntimeKey::of("layers_test.word"), share = config::RuntimeKey::of("layers_test.share");
    CHECK(table.integer(key, 1) == 7);
    CHECK(table.number(key, 1) == 7.0);
    CHECK(table.percent({{1, 100}, key}) == config::FractionalPercent{7, 100});
    CHECK(table.has(word));
    CHECK(table.integer(word, 1) == 1);
    CHECK_FALSE(table.has(other));
    CHECK(table.integer(other, 1) == 1);
    CHECK(table.integer({}, 1) == 1);
    CHECK(table.percent({{1, 100}, other}) == config::FractionalPercent{1, 100});
    CHECK(table.percent({{1, 100}, share}) == config::FractionalPercent{7, 1000000});
    CHECK(table.integer(share, 1) == 1);
    CHECK(table.percent({{1, 100}, config::RuntimeKey::of("layers_test.much")}).includes(99));
    CHECK(table.truth(config::RuntimeKey::of("layers_test.yes"), false));
    CHECK_FALSE(table.truth(word, false));
    CHECK_FALSE(thread_table().has(key));
    set_thread_table(&table);
    CHECK(integer(key, 1) == 7);
    CHECK(includes_percent(key, 0, 106));
    CHECK_FALSE(includes_percent(key, 0, 107));
    set_thread_table(nullptr);
    CHECK(integer(key, 1) == 1);
}

}  // namespace heirloom::runtime
