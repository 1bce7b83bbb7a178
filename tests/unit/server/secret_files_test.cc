// SPDX-License-Identifier: Apache-2.0
#include "proxy/secret_files.h"

#include <doctest/doctest.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "proxy/logging.h"

namespace heirloom::server {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

struct Fixture {
    fs::path directory;
    std::shared_ptr<shm::Segment> segment =
        *shm::Segment::create({.generation_slots = 1, .rows = 2, .stat_slots = 1u << 13});
    stats::Registrar registrar = stats::Registrar::for_owner(segment);
    network::EventLoop loop;
    std::vector<std::string> offered;  // bytes of chains
    std::string refused;               // the chain that nobody wants
    SecretFiles files{&registrar};

    Fixture() {
        std::string name = (fs::temp_directory_path() / "secrets-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory = name;
        stats::set_thread_row(segment->row(*segment->claim_generation(0, 1), 0));
        REQUIRE(set_up_logging({}));
        spdlog::apply_all([](const std::shared_ptr<spdlog::logger>& one) { one->set_level(spdlog::level::off); });
    }
    ~Fixture() {
        stats::set_thread_row(nullptr);
        fs::remove_all(directory);
    }

    std::string path(const char* name) const { return (directory / name).string(); }
    void move_in(const char* name, const std::string& text) {
        std::ofstream(path("new")) << text;
        fs::rename(path("new"), path(name));
    }
    static std::string secret(const std::string& name, const std::string& chain) {
        return "- {\"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, name: " + name +
               ", tls_certificate: {certificate_chain: " + chain + ", private_key: {inline_string: key}}}\n";
    }
    static std::string text(const std::string& chain) {
        return "resources:\n" + secret("a", "{inline_string: " + chain + "}");
    }
    config::SecretSource source(const char* file, const char* name = "a") const {
        return {.name = name, .path = path(file), .watched_directory = "", .where = "x.yaml:1:1: field"};
    }
    void watch() {
        files.accept_all();
        files.watch(loop, [this](size_t, const SecretValue& value) -> Status {
            offered.push_back(std::get<config::CertificateConfig>(value).chain.bytes);
            if (offered.back() == refused) return Error{"nobody wants it"};
            return Ok{};
        });
    }
    uint64_t stat(const char* name) { return thread_value(registrar.counter(std::string("sds.a.") + name).slot()); }
    static uint64_t thread_value(uint32_t slot) { return stats::thread_row()[slot].load(); }
    void run_for(milliseconds time) {
        network::Timer end{[](void* self) { static_cast<network::EventLoop*>(self)->stop(); }, &loop};
        end.arm(loop.timers(), time);
        loop.run();
    }
    // Until `done`, at most five seconds.
    template <class Done>
    bool run_until(Done done) {
        for (int i = 0; i < 1000 && !done(); ++i) run_for(milliseconds(5));
        return done();
    }
};

TEST_CASE_FIXTURE(Fixture, "one secret of one file is one, whoever asks") {
    move_in("sds.yaml", text("one"));
    move_in("other.yaml", "resources:\n" + secret("b", "{inline_string: two}"));
    const auto first = files.add(source("sds.yaml"), SecretKind::certificate);
    const auto second = files.add(source("other.yaml", "b"), SecretKind::certificate);
    REQUIRE((first && second));
    CHECK(*first != *second);
    CHECK(*files.add(source("sds.yaml"), SecretKind::certificate) == *first);
    CHECK(std::get<config::CertificateConfig>(files.value(*second)).chain.bytes == "two");
}

TEST_CASE_FIXTURE(Fixture, "no such file, no such secret, not of that kind") {
    CHECK(files.add(source("nowhere.yaml"), SecretKind::certificate).error().text.find("nowhere.yaml") !=
          std::string::npos);
    move_in("sds.yaml", text("one"));
    for (const auto& [name, kind] : {std::pair{"b", SecretKind::certificate}, {"a", SecretKind::validation}}) {
        const auto added = files.add(source("sds.yaml", name), kind);
        REQUIRE(!added);
        CHECK(added.error().text ==
              "x.yaml:1:1: field: " + path("sds.yaml") + ": no secret of this kind and name: " + name);
    }
}

TEST_CASE_FIXTURE(Fixture, "a moved file is offered, the same is not, and what is refused is offered again") {
    move_in("sds.yaml", text("one"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    refused = "three";
    CHECK(stat("update_success") == 1);
    move_in("sds.yaml", text("two"));
    REQUIRE(run_until([&] { return stat("update_success") == 2; }));
    move_in("sds.yaml", text("two"));
    REQUIRE(run_until([&] { return stat("update_success") == 3; }));
    move_in("sds.yaml", text("three"));
    REQUIRE(run_until([&] { return stat("update_rejected") == 1; }));
    CHECK(std::get<config::CertificateConfig>(files.value(0)).chain.bytes == "two");
    refused.clear();
    move_in("sds.yaml", text("three"));
    REQUIRE(run_until([&] { return stat("update_success") == 4; }));
    CHECK(std::get<config::CertificateConfig>(files.value(0)).chain.bytes == "three");
    CHECK(offered == std::vector<std::string>{"two", "three", "three"});
    CHECK(stat("update_attempt") == 5);
}

TEST_CASE_FIXTURE(Fixture, "what is no response fails, what is one but of no use is rejected; the old one stays") {
    move_in("sds.yaml", text("one"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    uint64_t failed = 0, rejected = 0;
    for (const std::string& broken : {std::string("resources: ["), std::string("resources: 7\n"),
                                      std::string("resources:\n- 7\n"), std::string("\xff")}) {
        CAPTURE(broken);
        move_in("sds.yaml", broken);
        REQUIRE(run_until([&] { return stat("update_failure") == failed + 1; }));
        ++failed;
    }
    // A file is one secret: a second one spoils the first.
    for (const std::string& useless :
         {std::string("resources: []\n"), text("two") + secret("b", "{inline_string: two}"),
          text("two") + secret("a", "{}"), "resources:\n" + secret("b", "{inline_string: two}"),
          "resources:\n" + secret("a", "{filename: nowhere}")}) {
        CAPTURE(useless);
        move_in("sds.yaml", useless);
        REQUIRE(run_until([&] { return stat("update_rejected") == rejected + 1; }));
        ++rejected;
    }
    CHECK(stat("update_failure") == failed);
    CHECK(stat("update_attempt") == 1 + failed + rejected);
    CHECK(stat("update_success") == 1);
    CHECK(offered.empty());
    move_in("sds.yaml", text("two"));
    REQUIRE(run_until([&] { return offered == std::vector<std::string>{"two"}; }));
}

TEST_CASE_FIXTURE(Fixture, "when a secret was told last, and its version") {
    const auto gauge = [&](const char* name) {
        return thread_value(registrar.gauge(std::string("sds.a.") + name).slot());
    };
    const auto now = [] {
        return static_cast<uint64_t>(
            std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    };
    move_in("sds.yaml", text("one"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    const uint64_t before = now();
    watch();
    CHECK(gauge("update_time") == 0);
    files.show();
    const uint64_t first = gauge("update_time");
    CHECK(first >= before);
    CHECK(first <= now());
    CHECK(gauge("version") == 17241709254077376921u);
    move_in("sds.yaml", "version_info: v17\n" + text("one"));
    REQUIRE(run_until([&] { return stat("update_success") == 2; }));
    files.show();
    CHECK(gauge("version") == 2880288701811005767u);
    const uint64_t second = gauge("update_time");
    CHECK(second > first);
    move_in("sds.yaml", "version_info: v18\nresources: []\n");
    REQUIRE(run_until([&] { return stat("update_rejected") == 1; }));
    files.show();
    CHECK(gauge("version") == 2880288701811005767u);
    CHECK(gauge("update_time") == second);
    files.hide();
    CHECK(gauge("version") == 0);
    CHECK(gauge("update_time") == 0);
}

TEST_CASE_FIXTURE(Fixture, "the files that a secret names, also those that it names since an update") {
    fs::create_directory(directory / "keys");
    fs::create_directory(directory / "other");
    move_in("keys/chain", "one");
    move_in("sds.yaml", "resources:\n" + secret("a", "{filename: " + path("keys/chain") + "}"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    move_in("keys/chain", "two");
    REQUIRE(run_until([&] { return offered.size() == 1; }));
    move_in("other/chain", "three");
    move_in("sds.yaml", "resources:\n" + secret("a", "{filename: " + path("other/chain") + "}"));
    REQUIRE(run_until([&] { return offered.size() == 2; }));
    move_in("other/chain", "four");
    REQUIRE(run_until([&] { return offered.size() == 3; }));
    fs::remove(directory / "other/chain");
    move_in("other/beside", "");
    REQUIRE(run_until([&] { return stat("key_rotation_failed") == 1; }));
    CHECK(offered == std::vector<std::string>{"two", "three", "four"});
    CHECK(stat("update_attempt") == 2);
}

TEST_CASE_FIXTURE(Fixture, "a burst is one reading, and only moves onto the file count") {
    move_in("sds.yaml", text("v0"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    for (int i = 1; i <= 100; ++i) move_in("sds.yaml", text("v" + std::to_string(i)));
    move_in("beside.yaml", text("beside"));
    REQUIRE(run_until([&] { return stat("update_success") == 2; }));
    CHECK(offered == std::vector<std::string>{"v100"});
    move_in("beside.yaml", text("beside"));
    run_for(SecretFiles::kInterval + milliseconds(100));  // nothing may happen, and that has no end to wait for
    CHECK(stat("update_attempt") == 2);
}

TEST_CASE_FIXTURE(Fixture, "a directory that goes and comes again") {
    fs::create_directory(directory / "keys");
    move_in("keys/chain", "one");
    move_in("sds.yaml", "resources:\n" + secret("a", "{filename: " + path("keys/chain") + "}"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    fs::remove_all(directory / "keys");
    REQUIRE(run_until([&] { return stat("update_rejected") == 1; }));
    fs::create_directory(directory / "coming");
    move_in("coming/chain", "two");
    fs::rename(directory / "coming", directory / "keys");
    REQUIRE(run_until([&] { return offered.size() == 1; }));
    move_in("keys/chain", "three");
    REQUIRE(run_until([&] { return offered.size() == 2; }));
    CHECK(offered == std::vector<std::string>{"two", "three"});
}

TEST_CASE_FIXTURE(Fixture, "a directory that is moved away, and its successor") {
    fs::create_directory(directory / "keys");
    move_in("keys/chain", "one");
    move_in("sds.yaml", "resources:\n" + secret("a", "{filename: " + path("keys/chain") + "}"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    watch();
    fs::create_directory(directory / "coming");
    move_in("coming/chain", "two");
    fs::rename(directory / "keys", directory / "going");
    fs::rename(directory / "coming", directory / "keys");
    REQUIRE(run_until([&] { return offered.size() == 1; }));
    move_in("keys/chain", "three");
    REQUIRE(run_until([&] { return offered.size() == 2; }));
    CHECK(offered == std::vector<std::string>{"two", "three"});
}

TEST_CASE_FIXTURE(Fixture, "a directory that another file's reading finds again is read too") {
    fs::create_directory(directory / "keys");
    move_in("keys/chain", "one");
    move_in("keyed.yaml", "resources:\n" + secret("k", "{filename: " + path("keys/chain") + "}"));
    move_in("sds.yaml", text("plain"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    REQUIRE(files.add(source("keyed.yaml", "k"), SecretKind::certificate));
    watch();
    fs::remove_all(directory / "keys");
    // Looked for from now on; the reading that this asks for is at its end.
    REQUIRE(run_until([&] { return stat("update_success") == 2; }));
    fs::create_directory(directory / "coming");
    move_in("coming/chain", "two");
    move_in("sds.yaml", text("other"));
    fs::rename(directory / "coming", directory / "keys");
    REQUIRE(run_until([&] { return offered.size() == 2; }));
    CHECK(std::get<config::CertificateConfig>(files.value(1)).chain.bytes == "two");
}

TEST_CASE_FIXTURE(Fixture, "what moved between the first reading and the watches") {
    move_in("sds.yaml", text("one"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    SUBCASE("nothing: nothing is counted") {
        watch();
        CHECK(offered.empty());
        CHECK(stat("update_attempt") == 1);
        CHECK(stat("update_success") == 1);
    }
    SUBCASE("another secret") {
        move_in("sds.yaml", text("two"));
        watch();
        CHECK(offered == std::vector<std::string>{"two"});
        CHECK(stat("update_attempt") == 2);
        CHECK(stat("update_success") == 2);
    }
    SUBCASE("a broken file") {
        move_in("sds.yaml", "broken");
        watch();
        CHECK(offered.empty());
        CHECK(stat("update_attempt") == 2);
        CHECK(stat("update_failure") == 1);
    }
}

// The number of descriptors that this process may have, until the end of the block.
struct DescriptorLimit {
    rlimit before{};
    explicit DescriptorLimit(rlim_t number) {
        REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
        const rlimit now{number, before.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before); }
};

TEST_CASE_FIXTURE(Fixture, "watches that the kernel does not give at first") {
    move_in("sds.yaml", text("one"));
    REQUIRE(files.add(source("sds.yaml"), SecretKind::certificate));
    {
        const DescriptorLimit none(0);
        watch();
        REQUIRE(stat("update_failure") == 1);  // nor could it be read: the limit is one
    }
    move_in("sds.yaml", text("two"));
    REQUIRE(run_until([&] { return offered.size() == 1; }));
    move_in("sds.yaml", text("three"));
    REQUIRE(run_until([&] { return offered.size() == 2; }));
}

TEST_CASE_FIXTURE(Fixture, "anything moved into a watched directory") {
    fs::create_directory(directory / "trigger");
    move_in("sds.yaml", text("one"));
    config::SecretSource watched = source("sds.yaml");
    watched.watched_directory = path("trigger");
    REQUIRE(files.add(watched, SecretKind::certificate));
    watch();
    move_in("sds.yaml", text("two"));
    move_in("trigger/now", "");
    REQUIRE(run_until([&] { return stat("update_success") == 2; }));
    CHECK(offered == std::vector<std::string>{"two"});
}

}  // namespace
}  // namespace heirloom::server
