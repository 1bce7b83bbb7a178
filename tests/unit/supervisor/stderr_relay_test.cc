// SPDX-License-Identifier: Apache-2.0
#include "supervisor/stderr_relay.h"

#include <doctest/doctest.h>
#include <fcntl.h>

using namespace heirloom;
using namespace heirloom::supervisor;

namespace {

struct Pipe {
    UniqueFd read_end, write_end;
    Pipe() {
        int ends[2];
        REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
        read_end.reset(ends[0]);
        write_end.reset(ends[1]);
    }
    void say(const std::string& text) const {
        REQUIRE(write(write_end.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
};

}  // namespace

TEST_CASE("what a generation writes is passed on, and its last three lines are kept") {
    boost::asio::io_context io;
    Pipe from, to;
    const auto relay = std::make_shared<StderrRelay>(io, std::move(from.read_end), to.write_end.get());
    relay->start();
    from.say("one\ntwo\n\nthree\nfour");
    from.write_end.reset();
    io.run();
    char bytes[64] = "";
    CHECK(read(to.read_end.get(), bytes, sizeof bytes) == 19);
    CHECK(relay->last_words() == "two | three | four");
}

TEST_CASE("while our own stderr takes nothing nothing is lost") {
    boost::asio::io_context io;
    Pipe from, to;
    fcntl(to.write_end.get(), F_SETPIPE_SZ, 4096);
    const auto relay = std::make_shared<StderrRelay>(io, std::move(from.read_end), to.write_end.get());
    relay->start();
    std::string all;
    for (int line = 0; line < 1000; ++line) all += "line " + std::to_string(line) + "\n";
    from.say(all);
    from.write_end.reset();
    std::string got;
    while (got.size() < all.size()) {
        io.run_one_for(std::chrono::milliseconds(100));
        char bytes[1024];
        if (const ssize_t size = read(to.read_end.get(), bytes, sizeof bytes); size > 0) {
            got.append(bytes, static_cast<size_t>(size));
        }
    }
    CHECK(got == all);
    CHECK(relay->last_words() == "line 997 | line 998 | line 999");
}
