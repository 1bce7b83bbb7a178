// SPDX-License-Identifier: Apache-2.0
// Who does not answer PING any more is gone.
#include "tests/unit/http/http2_harness.h"

namespace heirloom::http::test {
namespace {

using std::chrono::milliseconds;

Http2Settings asking(milliseconds interval, milliseconds timeout, milliseconds idle_interval = milliseconds(0)) {
    Http2Settings settings;
    settings.keepalive = {
        .interval = interval, .timeout = timeout, .jitter_percent = 50, .idle_interval = idle_interval};
    return settings;
}

std::string answer_to_ping() { return frame(kPing, 1, 0, std::string(8, '\0')); }

void run_for(network::EventLoop& loop, milliseconds time) {
    network::Timer timer([](void* stopped) { static_cast<network::EventLoop*>(stopped)->stop(); }, &loop);
    timer.arm(loop.timers(), time);
    loop.run();
}

// What the server says within five seconds, as soon as it says something.
std::string hear(RawClient& client) {
    std::string words;
    for (int i = 0; i < 1000 && words.empty(); ++i) {
        run_for(client.loop, milliseconds(5));
        words = client.receive();
    }
    return words;
}

}  // namespace

TEST_CASE("a client is asked at each interval, and cut off when it does not say a word") {
    RawClient client(asking(milliseconds(10), milliseconds(1000)));
    for (int i = 0; i < 3; ++i) {
        CHECK(hear(client) == "PING ");
        client.send(answer_to_ping());
    }
    CHECK(hear(client) == "PING ");
    CHECK(hear(client) == "FIN");
    CHECK(client.server.connection->closing());
    CHECK(client.server.failure == "");
}

TEST_CASE("a client that sends is alive, whatever it sends") {
    RawClient client(asking(milliseconds(10), milliseconds(1000)));
    CHECK(hear(client) == "PING ");
    for (int i = 0; i < 12; ++i) {
        run_for(client.loop, milliseconds(100));
        client.send(frame(kSettings, 0, 0, ""));
    }
    CHECK(client.receive() == "");
    CHECK_FALSE(client.server.connection->closing());
    client.send(answer_to_ping() + answer_to_ping());
    CHECK(hear(client) == "PING ");
}

TEST_CASE("streams are told when their peer is lost") {
    RawClient client(asking(milliseconds(10), milliseconds(20)));
    client.send(frame(kHeaders, kEndHeaders, 1, request_fields()));
    REQUIRE(client.server.exchanges.size() == 1);
    for (int i = 0; i < 200 && !client.server.exchanges[0].over; ++i) run_for(client.loop, milliseconds(5));
    CHECK(client.server.exchanges[0].log.ends_with("reset(connection termination) "));
}

TEST_CASE("a connection that was quiet is asked before it gets a stream") {
    Ends ends;
    UniqueFd server(ends.fds[0]);
    Client client(ends.loop, UniqueFd(ends.fds[1]), asking(milliseconds(0), milliseconds(5000), milliseconds(500)));
    const auto sent = [&] {  // by type of frame, without the preface
        settle(ends.loop);
        std::string bytes(65536, '\0'), types;
        const ssize_t got = ::recv(server.get(), bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
        if (bytes.starts_with("PRI")) bytes.erase(0, kPreface.size());
        for (size_t at = 0; at + 9 <= bytes.size(); at += 9 + static_cast<uint8_t>(bytes[at + 2])) {
            types += std::to_string(bytes[at + 3]);
        }
        return types;
    };
    const std::string settings = frame(kSettings, 0, 0, "");
    REQUIRE(::send(server.get(), settings.data(), settings.size(), 0) > 0);
    sent();
    client.get();
    CHECK(sent() == "1");
    run_for(ends.loop, milliseconds(700));
    CHECK(sent() == "");
    client.get();
    client.get();
    CHECK(sent() == "611");
    const std::string answer = answer_to_ping();
    REQUIRE(::send(server.get(), answer.data(), answer.size(), 0) > 0);
    settle(ends.loop);
    client.get();
    CHECK(sent() == "1");
}

}  // namespace heirloom::http::test
