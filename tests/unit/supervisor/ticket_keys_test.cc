// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ticket_keys.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

using namespace heirloom;
using namespace heirloom::supervisor;
using namespace std::chrono_literals;

namespace {

std::vector<shm::TicketRing::Key> keys_of(const TicketKeys& keys) {
    return {keys.ring().keys().begin(), keys.ring().keys().end()};
}

UniqueFd copy_of(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

}  // namespace

TEST_CASE("the next run finds the ring in the memfd, whose size is fixed") {
    boost::asio::io_context io;
    TicketKeys first(io, 0s);
    REQUIRE(first.open(true).ok());
    REQUIRE(first.ring().keys().size() == 1);
    REQUIRE(first.fd() >= 0);
    CHECK(ftruncate(first.fd(), 0) < 0);
    TicketKeys second(io, 8h);
    REQUIRE(second.adopt(copy_of(first.fd())).ok());
    REQUIRE(second.open(true).ok());
    CHECK(keys_of(second) == keys_of(first));
    CHECK(second.fd() >= 0);
}

TEST_CASE("without an fd store nothing is kept outside of the process") {
    boost::asio::io_context io;
    TicketKeys keys(io, 8h);
    REQUIRE(keys.open(false).ok());
    CHECK(keys.fd() == -1);
    CHECK(keys.ring().keys().size() == 1);
}

TEST_CASE("a damaged, short, foreign or closed descriptor is refused, and new keys are made") {
    boost::asio::io_context io;
    TicketKeys first(io, 0s);
    REQUIRE(first.open(true).ok());
    UniqueFd given;
    SUBCASE("a key was changed") {
        given = copy_of(first.fd());
        REQUIRE(pwrite(given.get(), "\x01\x02\x03", 3, 40) == 3);
    }
    SUBCASE("the version is another") {
        given = copy_of(first.fd());
        REQUIRE(pwrite(given.get(), "\x63", 1, 8) == 1);
    }
    SUBCASE("short") { given.reset(memfd_create("short", MFD_CLOEXEC)); }
    SUBCASE("no file") { given.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
    SUBCASE("closed") {}
    TicketKeys second(io, 0s);
    CHECK_FALSE(second.adopt(std::move(given)).ok());
    CHECK(second.ring().keys().empty());
    REQUIRE(second.open(true).ok());
    CHECK(second.ring().keys().size() == 1);
    CHECK(keys_of(second) != keys_of(first));
}

TEST_CASE("rotation by time tells, keeps the old key, and reaches the memfd") {
    boost::asio::io_context io;
    TicketKeys keys(io, 1s);
    REQUIRE(keys.open(true).ok());
    const auto before = keys_of(keys);
    int told = 0;
    keys.on_rotation = [&] {
        ++told;
        io.stop();
    };
    io.run_for(10s);
    CHECK(told == 1);
    REQUIRE(keys.ring().keys().size() == 2);
    CHECK(keys.ring().keys()[1] == before[0]);
    TicketKeys next(io, 0s);
    REQUIRE(next.adopt(copy_of(keys.fd())).ok());
    CHECK(keys_of(next) == keys_of(keys));
}
