// SPDX-License-Identifier: Apache-2.0
#include "supervisor/socket_store.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>

using namespace heirloom;
using namespace heirloom::supervisor;

namespace {

shm::proto::SocketSpec spec(const std::string& name) {
    shm::proto::SocketSpec spec;
    spec.set_name(name);
    return spec;
}

// A client of that address; -1 when it was refused.
UniqueFd connect_to(const std::string& name) {
    const shm::SocketAddress address = shm::parse_socket_name(name).value();
    UniqueFd fd(socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) < 0) return UniqueFd();
    return fd;
}

struct Directory {
    char path[32] = "/tmp/socket_store_XXXXXX";
    Directory() { REQUIRE(mkdtemp(path) != nullptr); }
    ~Directory() { rmdir(path); }
    std::string socket() const { return std::string("unix:") + path + "/s"; }
    std::string file() const { return std::string(path) + "/s"; }
};

}  // namespace

TEST_CASE("port 0 is bound once: all shards share the port, and the next generation gets the same") {
    SocketStore store({2, 4096}, {});
    const auto first = store.want(0, spec("tcp:127.0.0.1:0"), 1);
    REQUIRE(first.ok());
    CHECK(first.value().fds.size() == 16);
    CHECK_FALSE(first.value().bound_name.ends_with(":0"));
    for (const int fd : first.value().fds) {
        CHECK(listening_address(fd).value().canonical() == first.value().bound_name);
    }
    const auto second = store.want(1, spec("tcp:127.0.0.1:0"), 1);
    CHECK(second.value().bound_name == first.value().bound_name);
    CHECK(second.value().fds == first.value().fds);
    CHECK(store.shards_of(1) == 16);
}

TEST_CASE("a generation that asks for port 0 twice gets two sockets, in the same order each time") {
    SocketStore store({2, 4096}, {});
    auto admin = spec("tcp:127.0.0.1:0");
    admin.set_keep(true);
    const auto one = store.want(0, spec("tcp:127.0.0.1:0"), 1).value().bound_name;
    const auto two = store.want(0, spec("tcp:127.0.0.1:0"), 1).value().bound_name;
    const auto own = store.want(0, admin, 1).value();
    CHECK(one != two);
    CHECK(own.bound_name != one);
    CHECK(own.fds.size() == 1);
    CHECK(store.want(1, admin, 1).value().bound_name == own.bound_name);
    CHECK(store.want(1, spec("tcp:127.0.0.1:0"), 1).value().bound_name == one);
    CHECK(store.want(1, spec("tcp:127.0.0.1:0"), 1).value().bound_name == two);
}

TEST_CASE("shards stay below a quarter of the descriptor limit, and an address has at least one") {
    SocketStore store({64, 256}, {});
    CHECK(store.want(0, spec("tcp:127.0.0.1:0"), 4).value().fds.size() == 16);  // 64 for four of them
    CHECK(store.want(0, spec("tcp:127.0.0.1:0"), 1).value().fds.size() == 32);  // 48 are left
    CHECK(store.want(0, spec("tcp:127.0.0.1:0"), 20).value().fds.size() == 1);
    SocketStore large({64, 1 << 20}, {});
    CHECK(large.want(0, spec("tcp:127.0.0.1:0"), 1).value().fds.size() == 256);  // 4 x cores
    auto one = spec("tcp:127.0.0.1:0");
    one.set_max_shards(1);
    CHECK(large.want(0, one, 1).value().fds.size() == 1);
}

TEST_CASE("a port that somebody else has is refused by name, also when he shares it") {
    SocketStore other({2, 4096}, {});
    const std::string name = other.want(0, spec("tcp:127.0.0.1:0"), 1).value().bound_name;
    SocketStore store({2, 4096}, {});
    const auto refused = store.want(0, spec(name), 1);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().text == "cannot listen on " + name.substr(4) + ": Address already in use");
    CHECK_FALSE(store.want(0, spec("tcp:nonsense"), 1).ok());
    CHECK_FALSE(store.want(0, spec("tcp:192.0.2.1:80"), 1).ok());
    CHECK(store.empty());
}

TEST_CASE("the wildcards of both families live on one port") {
    SocketStore store({2, 4096}, {});
    const std::string four = store.want(0, spec("tcp:0.0.0.0:0"), 1).value().bound_name;
    const std::string port = four.substr(four.rfind(':'));
    CHECK(store.want(0, spec("tcp6only:[::]" + port), 1).ok());
}

TEST_CASE("an address the admin interface has is not given to a listener of the same generation") {
    SocketStore store({2, 4096}, {});
    auto admin = spec("tcp:127.0.0.1:0");
    admin.set_keep(true);
    const std::string name = store.want(0, admin, 1).value().bound_name;
    auto fixed = spec(name);
    fixed.set_keep(true);
    SocketStore again({2, 4096}, {});
    store.retire_all();
    store.close_retired();
    REQUIRE(again.want(0, fixed, 1).ok());
    const auto refused = again.want(0, spec(name), 1);
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().text.find("used by a listener and by the admin interface") != std::string::npos);
}

TEST_CASE("an address nobody wants lets no connect in, keeps what is queued until it is taken, and is closed then") {
    std::vector<std::string> stored, removed;
    SocketStore store({2, 4096}, {[&](const std::string& name, const std::vector<int>&) { stored.push_back(name); },
                                  [&](const std::string& name) { removed.push_back(name); }});
    const auto grant = store.want(0, spec("tcp:127.0.0.1:0"), 1).value();
    CHECK(stored == std::vector<std::string>{"heirloom-socket=tcp%3A127.0.0.1%3A0"});
    const UniqueFd queued = connect_to(grant.bound_name);
    REQUIRE(queued.valid());
    REQUIRE(store.want(1, spec("tcp:127.0.0.1:0"), 1).ok());
    CHECK_FALSE(store.retain(1, std::nullopt));  // generation 1 wants it

    CHECK(store.retain(2, std::nullopt));  // nobody does
    CHECK_FALSE(store.retired_are_empty());
    UniqueFd late(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto address = shm::parse_socket_name(grant.bound_name).value();
    CHECK(connect(late.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) < 0);
    int accepted = 0;
    for (const int fd : grant.fds) {
        while (UniqueFd(accept4(fd, nullptr, nullptr, SOCK_CLOEXEC)).valid()) ++accepted;
    }
    CHECK(accepted == 1);  // the queued one; the late one was not let in
    CHECK(store.retired_are_empty());
    CHECK(store.close_retired() == 0);
    CHECK(removed == stored);
    CHECK(store.empty());
    CHECK_FALSE(connect_to(grant.bound_name).valid());
}

TEST_CASE("an address that is wanted again in time goes on as it was") {
    SocketStore store({2, 4096}, {});
    const auto grant = store.want(0, spec("tcp:127.0.0.1:0"), 1).value();
    REQUIRE(store.retain(7, std::nullopt));
    CHECK(store.want(8, spec("tcp:127.0.0.1:0"), 1).value().fds == grant.fds);
    CHECK(store.close_retired() == 0);
    CHECK(connect_to(grant.bound_name).valid());
}

TEST_CASE("what only a generation wanted that never was live is closed with it") {
    SocketStore store({2, 4096}, {});
    const std::string kept = store.want(0, spec("tcp:127.0.0.1:0"), 1).value().bound_name;
    REQUIRE(store.want(1, spec("tcp:127.0.0.1:0"), 1).ok());
    const std::string gone = store.want(1, spec("tcp:127.0.0.2:0"), 1).value().bound_name;
    store.forget(1);
    CHECK(connect_to(kept).valid());
    CHECK_FALSE(connect_to(gone).valid());
}

TEST_CASE("a unix socket: one shard, its mode, a stale path replaced, a living one refused") {
    const Directory directory;
    {
        const auto stale = open_listening_socket(shm::parse_socket_name(directory.socket()).value(), {});
        REQUIRE(stale.ok());
    }
    SocketStore store({2, 4096}, {});
    auto wanted = spec(directory.socket());
    wanted.set_mode(0640);
    const auto grant = store.want(0, wanted, 1);
    REQUIRE(grant.ok());
    CHECK(grant.value().fds.size() == 1);
    struct stat info {};
    REQUIRE(stat(directory.file().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0640);
    SocketStore second({2, 4096}, {});
    CHECK_FALSE(second.want(0, wanted, 1).ok());
    store.retire_all();
    store.close_retired();
    CHECK(stat(directory.file().c_str(), &info) < 0);
}

TEST_CASE("passed sockets are found again by address, or by the name they had in the fd store") {
    SocketStore store({2, 4096}, {});
    const auto grant = store.want(0, spec("tcp:127.0.0.1:0"), 1).value();
    SocketStore next({2, 4096}, {});
    for (const int fd : grant.fds) {
        REQUIRE(next.adopt(UniqueFd(dup(fd)), "heirloom-socket=tcp%3A127.0.0.1%3A0").ok());
    }
    CHECK(next.want(0, spec("tcp:127.0.0.1:0"), 1).value().bound_name == grant.bound_name);
    CHECK(next.shards_of(0) == 16);
    SocketStore by_address({2, 4096}, {});
    REQUIRE(by_address.adopt(UniqueFd(dup(grant.fds[0])), "heirloom.socket").ok());
    CHECK(by_address.want(0, spec(grant.bound_name), 1).value().fds.size() == 1);
    CHECK_FALSE(by_address.adopt(UniqueFd(dup(STDERR_FILENO)), "x").ok());
}

TEST_CASE("names of the fd store keep every text") {
    for (const std::string name : {"tcp:[::1]:80", "unix:/run/x y%.sock", "tcp:0.0.0.0:0#2#keep", "%", "%4"}) {
        const std::string encoded = encode_fd_name(name);
        CHECK(encoded.find(':') == std::string::npos);
        CHECK(decode_fd_name(encoded) == name);
    }
}
