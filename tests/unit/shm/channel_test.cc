// SPDX-License-Identifier: Apache-2.0
#include "shm/channel.h"

#include <dirent.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>

using namespace heirloom;
using namespace heirloom::shm;
using namespace std::chrono_literals;

namespace {

struct Ends {
    Channel supervisor;
    Channel generation;
};

Ends make_ends() {
    auto pair = Channel::make_pair();
    REQUIRE(pair.ok());
    return {Channel(std::move(pair->first), Direction::to_supervisor),
            Channel(std::move(pair->second), Direction::to_generation)};
}

proto::Message hello() {
    proto::Message message;
    message.mutable_hello()->set_concurrency(4);
    return message;
}

proto::Message sockets() {
    proto::Message message;
    message.mutable_sockets()->set_last(true);
    return message;
}

size_t open_fds() {
    DIR* directory = opendir("/proc/self/fd");
    size_t count = 0;
    while (readdir(directory) != nullptr) ++count;
    closedir(directory);
    return count;
}

// A packet as no Channel would send it.
void send_raw(const Channel& from, std::string_view bytes, std::span<const int> fds = {}) {
    iovec data{const_cast<char*>(bytes.data()), bytes.size()};
    std::vector<char> control(CMSG_SPACE(fds.size_bytes()));
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    REQUIRE(sendmsg(from.fd(), &header, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

std::string versioned(proto::Message message, uint32_t version = kProtocolVersion) {
    message.set_version(version);
    return message.SerializeAsString();
}

}  // namespace

TEST_CASE("a message arrives with its descriptors, close-on-exec") {
    auto [supervisor, generation] = make_ends();
    CHECK(generation.receive().error().retriable);

    int pipe_ends[2];
    REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
    UniqueFd reader(pipe_ends[0]);
    UniqueFd writer(pipe_ends[1]);
    REQUIRE(supervisor.send(sockets(), std::array{writer.get(), writer.get()}).ok());
    writer.reset();

    auto received = generation.receive();
    REQUIRE(received.ok());
    CHECK(received->message.sockets().last());
    CHECK(received->message.version() == kProtocolVersion);
    CHECK(received->sender_pid == getpid());
    REQUIRE(received->fds.size() == 2);
    CHECK((fcntl(received->fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(write(received->fds[1].get(), "x", 1) == 1);
    char byte = 0;
    CHECK(read(reader.get(), &byte, 1) == 1);
    CHECK(generation.receive().error().retriable);
}

TEST_CASE("the largest message and the most descriptors go in one packet") {
    auto [supervisor, generation] = make_ends();
    proto::Message message = sockets();
    const size_t empty = message.ByteSizeLong();
    message.mutable_sockets()->add_sockets()->set_name(std::string(kMaxMessageBytes - empty - 16, 'n'));
    const std::vector<int> fds(kMaxFdsPerMessage, 0);
    REQUIRE(supervisor.send(message, fds).ok());
    auto received = generation.receive();
    REQUIRE(received.ok());
    CHECK(received->fds.size() == kMaxFdsPerMessage);
    CHECK(received->message.sockets().sockets(0).name().size() == kMaxMessageBytes - empty - 16);

    message.mutable_sockets()->add_sockets()->set_name("over the limit");
    CHECK(supervisor.send(message).error().code == EMSGSIZE);
    CHECK(supervisor.send(sockets(), std::vector<int>(kMaxFdsPerMessage + 1, 0)).error().code == EINVAL);
}

TEST_CASE("a full queue is an error that may be retried") {
    auto [supervisor, generation] = make_ends();
    int sent = 0;
    Status status = Ok{};
    while ((status = generation.send(hello())).ok()) ++sent;
    CHECK(status.error().retriable);
    for (int i = 0; i < sent; ++i) REQUIRE(supervisor.receive().ok());
    CHECK(supervisor.receive().error().retriable);
    CHECK(generation.send(hello()).ok());
}

TEST_CASE("what breaks the protocol is named, its descriptors are closed, and the next message is read") {
    auto [supervisor, generation] = make_ends();
    const size_t before = open_fds();
    const std::vector<int> many(200, 0);
    struct Broken {
        std::string bytes;
        std::vector<int> fds;
        std::string_view error;
    };
    proto::Message empty;
    for (const Broken& broken :
         {Broken{"", {}, "channel: protocol version 0, this program speaks 1"},
          Broken{"\xff\xff\xff", {0}, "channel: unreadable message of 3 bytes"},
          Broken{versioned(hello(), 2), {0}, "channel: protocol version 2, this program speaks 1"},
          Broken{versioned(empty), {}, "channel: unknown message"},
          Broken{versioned(sockets()), {0, 1}, "channel: sockets goes the other way"},
          Broken{versioned(hello()), {0, 1}, "channel: hello with 2 descriptors, at most 0"},
          Broken{versioned(hello()), many,
                 "channel: descriptors were cut off: too many, or this process has none left"},
          Broken{std::string(kMaxMessageBytes + 1, 'x'), {0}, "channel: packet is too large"}}) {
        send_raw(generation, broken.bytes, broken.fds);
        const auto received = supervisor.receive();
        REQUIRE(!received.ok());
        CHECK(received.error().text == broken.error);
        CHECK(received.error().code == EPROTO);
        CHECK(!received.error().retriable);
    }
    CHECK(open_fds() == before);
    REQUIRE(generation.send(hello()).ok());
    CHECK(supervisor.receive().ok());
}

TEST_CASE("fields of a later version are ignored") {
    auto [supervisor, generation] = make_ends();
    // Field 1000, a varint, behind a message of today.
    send_raw(generation, versioned(hello()) + std::string("\xc0\x3e\x01", 3));
    CHECK(supervisor.receive().ok());
}

TEST_CASE("descriptors beyond the receiver's limit are an error, not a leak") {
    auto [supervisor, generation] = make_ends();
    rlimit old{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
    REQUIRE(supervisor.send(sockets(), std::vector<int>(100, 0)).ok());
    const size_t before = open_fds();
    const rlimit low{static_cast<rlim_t>(generation.fd() + 20), old.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    const auto received = generation.receive();
    REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
    REQUIRE(!received.ok());
    CHECK(received.error().code == EPROTO);
    CHECK(open_fds() == before);
}

TEST_CASE("the last words of a peer that died are heard before its end") {
    auto ends = make_ends();
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        // Only its own end, as after a spawn.
        { const Channel closed = std::move(ends.supervisor); }
        proto::Message failed;
        failed.mutable_failed()->set_reason("no certificate");
        _exit(ends.generation.send(failed).ok() ? 0 : 1);
    }
    // Unread when the child dies: the kernel then reports a reset first.
    const Status unread = ends.supervisor.send(sockets());
    { const Channel closed = std::move(ends.generation); }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(unread.ok());

    const auto last = ends.supervisor.receive();
    REQUIRE(last.ok());
    CHECK(last.value().message.failed().reason() == "no certificate");
    CHECK(last.value().sender_pid == child);
    CHECK(ends.supervisor.receive().error().code == EPIPE);
    CHECK(ends.supervisor.receive_within(1s).error().code == EPIPE);
    CHECK(ends.supervisor.send(sockets()).error().code == EPIPE);
}

TEST_CASE("receive_within waits for the message, not longer than told") {
    auto ends = make_ends();
    CHECK(ends.generation.receive_within(1ms).error().code == ETIMEDOUT);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) _exit(ends.supervisor.send(sockets()).ok() ? 0 : 1);
    CHECK(ends.generation.receive_within(10s).ok());
    CHECK(waitpid(child, nullptr, 0) == child);
}
