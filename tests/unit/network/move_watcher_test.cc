// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/move_watcher.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

namespace heirloom::network {
namespace {

namespace fs = std::filesystem;

struct Directory {
    fs::path path;
    Directory() {
        std::string name = (fs::temp_directory_path() / "watch-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Directory() { fs::remove_all(path); }
    std::string operator/(const char* name) const { return (path / name).string(); }
};

struct Fixture {
    using Seen = std::vector<std::pair<std::string, std::string>>;
    Directory directory;
    EventLoop loop;
    Seen seen;
    std::unique_ptr<MoveWatcher> watcher;

    Fixture() {
        auto made = MoveWatcher::create(loop, [this](const std::string& where, std::string_view name) {
            seen.emplace_back(where, std::string(name));
        });
        REQUIRE(made);
        watcher = std::move(*made);
    }
    void write(const std::string& path) { std::ofstream(path) << "text"; }
    // Until the end of a move that is known to be told.
    Seen events_until(const std::string& last) {
        write(last + ".new");
        fs::rename(last + ".new", last);
        Timer bound{[](void* self) { static_cast<EventLoop*>(self)->stop(); }, &loop};
        bound.arm(loop.timers(), std::chrono::milliseconds(5000));
        const std::string name = fs::path(last).filename().string();
        struct Look {
            Fixture* fixture;
            const std::string* name;
            Timer timer;
        } look{this, &name, {}};
        look.timer.set_callback(
            [](void* self) {
                auto& at = *static_cast<Look*>(self);
                if (!at.fixture->seen.empty() && at.fixture->seen.back().second == *at.name) {
                    return at.fixture->loop.stop();
                }
                at.timer.arm(at.fixture->loop.timers(), std::chrono::milliseconds(1));
            },
            &look);
        look.timer.arm(loop.timers(), std::chrono::milliseconds(1));
        loop.run();
        return seen;
    }
};

TEST_CASE_FIXTURE(Fixture, "moves into a directory are told, writing in place and removing are not") {
    REQUIRE(watcher->watch({directory.path.string()}));
    write(directory / "file");
    fs::remove(directory / "file");
    CHECK(events_until(directory / "end") == Seen{{directory.path.string(), "end"}});
}

TEST_CASE_FIXTURE(Fixture, "a swapped symlink is told by its name") {
    fs::create_directory(directory / "one");
    fs::create_directory(directory / "two");
    fs::create_symlink("one", directory / "..data");
    REQUIRE(watcher->watch({directory.path.string()}));
    fs::create_symlink("two", directory / "..tmp");
    fs::rename(directory / "..tmp", directory / "..data");
    const Seen events = events_until(directory / "end");
    REQUIRE(events.size() == 2);
    CHECK(events[0].second == "..data");
}

TEST_CASE_FIXTURE(Fixture, "only what was asked for last is watched, under each of its names") {
    fs::create_directory(directory / "old");
    fs::create_directory(directory / "new");
    fs::create_symlink("new", directory / "link");
    REQUIRE(watcher->watch({directory / "old", directory / "new"}));
    REQUIRE(watcher->watch({directory / "new", directory / "link"}));
    write(directory / "a");
    fs::rename(directory / "a", directory / "old/a");
    CHECK(events_until(directory / "new/end") == Seen{{directory / "link", "end"}, {directory / "new", "end"}});
}

TEST_CASE_FIXTURE(Fixture, "a directory that goes may mean anything") {
    fs::create_directory(directory / "gone");
    REQUIRE(watcher->watch({directory / "gone", directory.path.string()}));
    fs::remove(directory / "gone");
    CHECK(events_until(directory / "end") == Seen{{"", ""}, {directory.path.string(), "end"}});
}

TEST_CASE_FIXTURE(Fixture, "so may one that is moved away") {
    fs::create_directory(directory / "here");
    REQUIRE(watcher->watch({directory / "here"}));
    fs::rename(directory / "here", directory / "there");
    // Still watched, until watch() looks up the name again.
    CHECK(events_until(directory / "there/end") == Seen{{"", ""}, {directory / "here", "end"}});
    CHECK(!watcher->watch({directory / "here"}));
}

TEST_CASE_FIXTURE(Fixture, "a directory that is not there is an error and the others are watched") {
    const Status status = watcher->watch({directory / "nowhere", directory.path.string()});
    REQUIRE(!status);
    CHECK(status.error().text.find("nowhere: No such file") != std::string::npos);
    CHECK(events_until(directory / "end").size() == 1);
}

}  // namespace
}  // namespace heirloom::network
