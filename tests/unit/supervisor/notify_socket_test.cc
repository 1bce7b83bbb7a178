// SPDX-License-Identifier: Apache-2.0
#include "supervisor/notify_socket.h"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

using namespace heirloom;
using namespace heirloom::supervisor;

namespace {

// A service manager that reads when it is told to.
struct Manager {
    UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    std::string name = "@heirloom-notify-test-" + std::to_string(getpid());
    Manager() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, name.data(), name.size());
        address.sun_path[0] = '\0';
        const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
        REQUIRE(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0);
    }
    // "" when nothing waits. `fd`: the descriptor that came along.
    std::string read_one(UniqueFd* fd = nullptr) const {
        char bytes[256];
        char control[CMSG_SPACE(sizeof(int))];
        iovec into{bytes, sizeof bytes};
        msghdr message{};
        message.msg_iov = &into;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        const ssize_t size = recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
        if (size < 0) return "";
        if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && fd != nullptr) {
            int received = -1;
            std::memcpy(&received, CMSG_DATA(header), sizeof received);
            fd->reset(received);
        }
        return {bytes, static_cast<size_t>(size)};
    }
};

ino_t inode_of(int fd) {
    struct stat about {};
    REQUIRE(fstat(fd, &about) == 0);
    return about.st_ino;
}

}  // namespace

TEST_CASE("what is said while the service manager does not read waits, and arrives in order with its descriptors") {
    boost::asio::io_context io;
    const Manager manager;
    NotifySocket notify(io, manager.name);
    int said = 0;
    while (notify.waiting() < 3) notify.send("MAINPID=" + std::to_string(said++));  // never blocks
    UniqueFd stored(::memfd_create("stored", MFD_CLOEXEC));
    const int number = stored.get();
    const ino_t inode = inode_of(number);
    notify.send("FDSTORE=1", std::span(&number, 1));
    stored.reset();
    for (int i = 0; i < said; ++i) {
        CHECK(manager.read_one() == "MAINPID=" + std::to_string(i));
        io.poll();
    }
    UniqueFd received;
    CHECK(manager.read_one(&received) == "FDSTORE=1");
    REQUIRE(received.valid());
    CHECK(inode_of(received.get()) == inode);
    CHECK(notify.waiting() == 0);
    notify.send("READY=1");
    CHECK(manager.read_one() == "READY=1");
}

TEST_CASE("a service manager that never reads costs a bounded number of messages") {
    boost::asio::io_context io;
    const Manager manager;
    NotifySocket notify(io, manager.name);
    for (size_t i = 0; i < 3 * NotifySocket::kMaxWaiting; ++i) notify.send("READY=1");
    CHECK(notify.waiting() == NotifySocket::kMaxWaiting);
}

TEST_CASE("of what waits, only the newest status and one sign of life are kept, and where the first stood") {
    boost::asio::io_context io;
    const Manager manager;
    NotifySocket notify(io, manager.name);
    size_t said = 0;
    while (notify.waiting() == 0) notify.send("READY=" + std::to_string(said++));
    const std::string lines = "STATUS=of a reload\nRELOADING=1";
    for (const std::string status :
         {"STATUS=old", "WATCHDOG=1", "RELOADING=1", "STATUS=new", lines.c_str(), "WATCHDOG=1", "STATUS=newest"}) {
        notify.send(status);
    }
    for (size_t i = 0; i < said; ++i) {
        CHECK(manager.read_one() == "READY=" + std::to_string(i));
        io.poll();
    }
    for (const std::string& expected :
         {std::string("STATUS=newest"), std::string("WATCHDOG=1"), std::string("RELOADING=1"), lines, std::string()}) {
        CHECK(manager.read_one() == expected);
    }
}

TEST_CASE("a message whose descriptors cannot be kept is not kept without them") {
    boost::asio::io_context io;
    const Manager manager;
    NotifySocket notify(io, manager.name);
    while (notify.waiting() == 0) notify.send("READY=1");
    const UniqueFd stored(::memfd_create("stored", MFD_CLOEXEC));
    const int number = stored.get();
    rlimit before{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    notify.send("FDSTORE=1", std::span(&number, 1));
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(notify.waiting() == 1);
    notify.send("FDSTORE=1", std::span(&number, 1));
    CHECK(notify.waiting() == 2);
}

TEST_CASE("one that has gone is told nothing, one that came back is") {
    boost::asio::io_context io;
    auto manager = std::make_unique<Manager>();
    NotifySocket notify(io, manager->name);
    notify.send("READY=1");
    CHECK(manager->read_one() == "READY=1");
    manager.reset();
    notify.send("STATUS=nobody");
    CHECK(notify.waiting() == 0);
    manager = std::make_unique<Manager>();
    notify.send("STATUS=again");
    CHECK(manager->read_one() == "STATUS=again");
}

TEST_CASE("without an address, or with one of a kind that is not known, nothing is said") {
    boost::asio::io_context io;
    CHECK_FALSE(NotifySocket(io, "").is_enabled());
    CHECK_FALSE(NotifySocket(io, "vsock:2:1234").is_enabled());
    CHECK_FALSE(NotifySocket(io, std::string(200, '/')).is_enabled());
}
