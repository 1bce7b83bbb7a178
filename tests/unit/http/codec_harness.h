// SPDX-License-Identifier: Apache-2.0
// Two ends of a socket pair: ours is a Connection with a codec, the other speaks plain bytes.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <functional>
#include <string>

#include "proxy/http/http1_codec.h"
#include "tests/unit/http/forwarders.h"

namespace heirloom::http::test {

inline std::string fields_of(const HeaderMap& map) {
    std::string text;
    for (const HeaderField& field : map.fields()) {
        if (!field.removed) text += std::string(field.name) + "=" + std::string(field.value) + " ";
    }
    return text;
}

struct Wire : network::ConnectionCallbacks {
    network::EventLoop loop;
    UniqueFd peer;
    std::unique_ptr<network::Connection> connection;
    std::function<void()> on_bytes, on_end;
    std::function<void(network::CloseReason)> on_gone;
    std::function<void(bool)> on_watermark;
    bool closed = false;

    Wire() {
        int fds[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        peer.reset(fds[0]);
        connection = std::make_unique<network::Connection>(loop, UniqueFd(fds[1]), *this);
        REQUIRE(connection->start());
    }
    void on_data() override {
        if (on_bytes) on_bytes();
    }
    void on_end_of_stream() override {
        if (on_end) on_end();
    }
    void on_closed(network::CloseReason reason) override {
        closed = true;
        if (on_gone) on_gone(reason);
    }
    void on_write_buffer_high() override {
        if (on_watermark) on_watermark(true);
    }
    void on_write_buffer_low() override {
        if (on_watermark) on_watermark(false);
    }

    // Lets everything happen that can happen without more input.
    void settle() {
        for (int i = 0; i < 4; ++i) {
            loop.post([this] { loop.stop(); });
            loop.run();
        }
    }
    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t sent = ::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (sent > 0) text.remove_prefix(static_cast<size_t>(sent));
            settle();
            if (sent <= 0 && closed) return;
        }
    }
    std::string receive() {
        settle();
        std::string text;
        char bytes[65536];
        for (;;) {
            const ssize_t got = ::recv(peer.get(), bytes, sizeof(bytes), 0);
            if (got <= 0) return got == 0 ? text + "<FIN>" : text;
            text.append(bytes, static_cast<size_t>(got));
            settle();
        }
    }
};

}  // namespace heirloom::http::test
