// SPDX-License-Identifier: Apache-2.0
// Clients that cost more than they ask for: each is cut off at its limit, with Envoy's name for it.
#include "tests/unit/http/http2_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;

namespace {

std::string headers(uint32_t stream, bool end = true) {
    return frame(kHeaders, static_cast<uint8_t>(kEndHeaders | (end ? kEndStream : 0)), stream, request_fields());
}

}  // namespace

TEST_CASE("empty DATA") {
    RawClient client;
    client.send(headers(1, false) + frame(kData, 0, 1, "") + frame(kData, 0, 1, "x") + frame(kData, 0, 1, ""));
    CHECK(client.receive().empty());
    client.send(frame(kData, 0, 1, ""));
    CHECK(client.receive() == "GOAWAY(1,11) FIN");
    CHECK(client.server.failure == "inbound_empty_frames_flood");
    CHECK(client.server.exchanges[0].log.ends_with("reset(protocol error) "));
}

TEST_CASE("PRIORITY") {
    RawClient client;
    std::string bytes;
    for (int i = 0; i < 101; ++i) bytes += frame(kPriority, 0, 1, std::string("\0\0\0\0\1", 5));
    client.send(bytes);
    CHECK(client.receive() == "GOAWAY(0,11) FIN");
    CHECK(client.server.failure == "inbound_priority_frames_flood");
}

TEST_CASE("WINDOW_UPDATE") {
    RawClient client;
    std::string bytes;
    for (int i = 0; i < 6; ++i) bytes += frame(kWindowUpdate, 0, 0, std::string("\0\0\0\1", 4));
    client.send(bytes);
    CHECK(client.receive() == "GOAWAY(0,11) FIN");
    CHECK(client.server.failure == "inbound_window_update_frames_flood");
}

TEST_CASE("PING from a client that does not read the answers") {
    RawClient client;
    int size = 4096;
    ::setsockopt(client.server.loop.valid() ? client.peer.get() : -1, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    std::string bytes;
    for (int i = 0; i < 1000; ++i) bytes += frame(kPing, 0, 0, "12345678");
    for (int i = 0; i < 100 && !client.server.connection->closing(); ++i) client.send(bytes);
    CHECK(client.server.connection->closing());
    CHECK(client.server.failure == "outbound_control_flood");
}

TEST_CASE("requests that are taken back at once") {
    Http2Settings settings;
    settings.premature_reset_total_stream_count = 20;
    RawClient client(settings);
    std::string bytes;
    SUBCASE("are too many") {
        for (uint32_t stream = 1; stream < 60; stream += 2) {
            bytes += headers(stream) + frame(kReset, 0, stream, std::string("\0\0\0\10", 4));
        }
        client.send(bytes);
        CHECK(client.receive().ends_with("FIN"));
        CHECK(client.server.failure == kTooManyPrematureResets);
        CHECK(client.server.exchanges.size() == 10);
    }
    SUBCASE("are few beside the others") {
        client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
        for (uint32_t stream = 1; stream < 120; stream += 2) {
            bytes += headers(stream, stream % 10 != 1);
            if (stream % 10 == 1) bytes += frame(kReset, 0, stream, std::string("\0\0\0\10", 4));
            client.send(std::exchange(bytes, ""));
        }
        client.receive();
        CHECK(client.server.failure.empty());
        CHECK(client.server.exchanges.size() == 60);
    }
}

TEST_CASE("a head in endless CONTINUATION frames") {
    RawClient client;
    client.send(frame(kHeaders, kEndStream, 1, request_fields()));
    for (int i = 0; i < 50 && !client.server.connection->closing(); ++i) {
        client.send(frame(kContinuation, 0, 1, field("x", std::string(1000, 'y'))));
    }
    CHECK(client.receive().ends_with("FIN"));
    CHECK(client.server.exchanges.empty());
}

TEST_CASE("a small block that unpacks to much") {
    RawClient client;
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    // One large field into the table (literal with indexing), then named again and again by one byte.
    std::string large = field("x", std::string(3900, 'y'));
    large[0] = 0x40;
    client.send(frame(kHeaders, kEndStream | kEndHeaders, 1, request_fields() + large + std::string(5000, '\xbe')));
    CHECK(client.receive().starts_with("RST(1,"));
    CHECK(client.server.exchanges.empty());
    client.send(headers(3));
    CHECK(client.receive() == "HEADERS(3,end) ");
}

TEST_CASE("more streams than are allowed are refused") {
    Http2Settings settings;
    settings.max_concurrent_streams = 2;
    RawClient client(settings);
    client.receive();
    std::string expected = "RST(5,7) ";
    SUBCASE("one by one, while the client may not know the limit") {}
    SUBCASE("with the connection, when it has said that it does") {
        client.send(frame(kSettings, 1, 0, ""));
        expected = "GOAWAY(3,1) FIN";
    }
    client.send(headers(1, false) + headers(3, false) + headers(5, false));
    CHECK(client.receive() == expected);
    CHECK(client.server.exchanges.size() == 2);
}

TEST_CASE("SETTINGS that make the window negative or overflow it") {
    RawClient client;
    client.send(frame(kSettings, 0, 0, std::string("\0\4\x80\0\0\0", 6)));
    CHECK(client.receive() == "GOAWAY(0,3) FIN");
}
