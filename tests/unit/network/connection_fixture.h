// SPDX-License-Identifier: Apache-2.0
// For tests of connections: an owner that records what happens, and a pair of TCP sockets.
#pragma once

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "proxy/network/connection.h"

namespace heirloom::network {

using std::chrono::milliseconds;

// Records what happens; `step` decides when the loop stops.
struct Owner : ConnectionCallbacks {
    EventLoop& loop;
    Connection* connection = nullptr;
    std::string received;
    std::string events;
    std::optional<CloseReason> reason;
    bool consume = true;
    std::function<void()> step;

    explicit Owner(EventLoop& event_loop) : loop(event_loop) {}
    void on_data() override {
        if (consume) {
            received += connection->read_buffer().to_string();
            connection->read_buffer().clear();
        }
        note("data");
    }
    void on_end_of_stream() override { note("end"); }
    void on_connected() override { note("connected"); }
    void on_closed(CloseReason why) override {
        CHECK_FALSE(reason);
        reason = why;
        note("closed");
    }
    void on_write_buffer_high() override { note("high"); }
    void on_write_buffer_low() override { note("low"); }
    void note(const char* what) {
        if (events.size() < 200 && !events.ends_with(std::string(what) + " ")) events += std::string(what) + " ";
        if (step) step();
    }
};

// Runs until `done` holds after an event, at most five seconds.
inline bool run_until(EventLoop& loop, Owner& owner, std::function<bool()> done) {
    if (done()) return true;
    Timer limit([](void* arg) { static_cast<EventLoop*>(arg)->stop(); }, &loop);
    limit.arm(loop.timers(), milliseconds(5000));
    owner.step = [&] {
        if (done()) loop.stop();
    };
    loop.run();
    owner.step = nullptr;
    return done();
}

struct TcpPair {
    UniqueFd near, far;
    explicit TcpPair(int small_buffer = 0) {
        UniqueFd listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        REQUIRE(::bind(listening.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
        REQUIRE(::listen(listening.get(), 1) == 0);
        REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
        far.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (small_buffer > 0) ::setsockopt(far.get(), SOL_SOCKET, SO_RCVBUF, &small_buffer, sizeof(small_buffer));
        REQUIRE(::connect(far.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
        near.reset(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        REQUIRE(near.valid());
    }
    void send(std::string_view text) {
        REQUIRE(::send(far.get(), text.data(), text.size(), 0) == ssize_t(text.size()));
    }
    std::string receive(size_t want, int flags = 0) {
        std::string text;
        char bytes[65536];
        while (text.size() < want) {
            const ssize_t got = ::recv(far.get(), bytes, std::min(sizeof(bytes), want - text.size()), flags);
            if (got <= 0) break;
            text.append(bytes, static_cast<size_t>(got));
        }
        return text;
    }
};

}  // namespace heirloom::network
