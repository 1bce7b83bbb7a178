// SPDX-License-Identifier: Apache-2.0
// A client that writes its frames by hand: what is malformed is reset, what breaks the connection's rules ends it.
#include "tests/unit/http/http2_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;

namespace {

std::string headers(uint32_t stream, const std::string& block, bool end = true) {
    return frame(kHeaders, static_cast<uint8_t>(kEndHeaders | (end ? kEndStream : 0)), stream, block);
}
std::string number32(uint32_t value) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift);
    return bytes;
}

}  // namespace

TEST_CASE("a plain request gets its answer") {
    RawClient client;
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", "hello"); };
    client.send(headers(1, request_fields()));
    CHECK(client.receive() == "HEADERS(1) DATA(1,5,end) ");
    CHECK(client.server.exchanges[0].log == ":method=GET :scheme=http :path=/x :authority=h end done ");
}

TEST_CASE("malformed heads never reach the owner; the connection lives on") {
    const std::string good = request_fields();
    const std::string bad[] = {
        good + field("Upper", "x"),
        good + field("x", "a\r\nb"),
        good + field("x", std::string_view("a\0b", 3)),
        good + field("x y", "z"),
        good + field("connection", "close"),
        good + field("keep-alive", "1"),
        good + field("proxy-connection", "close"),
        good + field("transfer-encoding", "chunked"),
        good + field("upgrade", "h2c"),
        good + field("te", "gzip"),
        good + field("host", "other"),
        good + field("content-length", "1x"),
        good + field("content-length", "5") + field("content-length", "6"),
        good + field(":path", "/again"),
        good + field(":status", "200"),
        good + field(":unknown", "1"),
        good + field("x", "y") + field(":authority", "late"),
        good + field("", "empty"),
        request_fields(""),
        request_fields("/a b"),
        request_fields("/a\xc3\xa4"),
        request_fields("/x", "G T"),
        field(":method", "GET") + field(":scheme", "http"),
        field(":method", "GET") + field(":path", "/"),
        field(":scheme", "http") + field(":path", "/"),
        field(":method", "CONNECT") + field(":authority", "h:1") + field(":path", "/"),
        good + field(":protocol", "websocket"),
        good + field("content-length", "3"),  // and no body
    };
    RawClient client;
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    uint32_t stream = 1;
    for (const std::string& block : bad) {
        CAPTURE(block);
        client.send(headers(stream, block));
        CHECK(client.receive() == "RST(" + std::to_string(stream) + ",1) ");
        stream += 2;
    }
    CHECK(client.server.exchanges.empty());
    client.send(headers(stream, good + field("te", "trailers") + field("host", "h")));
    CHECK(client.receive() == "HEADERS(" + std::to_string(stream) + ",end) ");
    CHECK(client.server.exchanges[0].log == ":method=GET :scheme=http :path=/x :authority=h te=trailers end done ");
}

TEST_CASE("host stands in for :authority, cookies become one field") {
    RawClient client;
    client.send(headers(1, field(":method", "GET") + field(":scheme", "http") + field(":path", "/") +
                               field("host", "a.b") + field("cookie", "a=1") + field("cookie", "b=2")));
    client.receive();
    CHECK(client.server.exchanges[0].log == ":method=GET :scheme=http :path=/ cookie=a=1; b=2 :authority=a.b end ");
}

TEST_CASE("content-length must match what comes") {
    RawClient client;
    client.send(headers(1, request_fields("/x", "POST") + field("content-length", "3"), false));
    SUBCASE("less") { client.send(frame(kData, kEndStream, 1, "ab")); }
    SUBCASE("more") { client.send(frame(kData, 0, 1, "abcd")); }
    CHECK(client.receive() == "RST(1,1) ");
    CHECK(client.server.exchanges[0].log.ends_with("reset(protocol error) "));
}

TEST_CASE("a head beyond the limits is reset") {
    Http2Settings settings;
    settings.max_headers_bytes = 1000;
    settings.max_headers_count = 10;
    RawClient client(settings);
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    client.send(headers(1, request_fields() + field("large", std::string(1000, 'x'))));
    CHECK(client.receive().starts_with("RST(1,"));
    std::string many = request_fields();
    for (int i = 0; i < 10; ++i) many += field("x", "y");
    client.send(headers(3, many));
    CHECK(client.receive().starts_with("RST(3,"));
    CHECK(client.server.exchanges.empty());
    client.send(headers(5, request_fields()));
    CHECK(client.receive() == "HEADERS(5,end) ");
}

TEST_CASE("frames on streams that are over") {
    RawClient client;
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    client.send(headers(5, request_fields()));
    CHECK(client.receive() == "HEADERS(5,end) ");
    std::string expected = "GOAWAY(5,5) FIN";
    SUBCASE("DATA after the end") { client.send(frame(kData, 0, 5, "x")); }
    SUBCASE("DATA after the end, byte by byte") {
        for (const char c : frame(kData, 0, 5, "x")) {
            client.send(std::string(1, c));
            if (client.server.connection->closing()) break;
        }
    }
    SUBCASE("HEADERS after the end") { client.send(headers(5, request_fields())); }
    SUBCASE("a smaller stream that was skipped") {
        client.send(headers(3, request_fields()));
        expected = "GOAWAY(5,1) FIN";
    }
    SUBCASE("WINDOW_UPDATE and RST_STREAM are harmless") {
        client.send(frame(kWindowUpdate, 0, 5, number32(1)) + frame(kReset, 0, 5, number32(8)));
        client.send(headers(7, request_fields()));
        expected = "HEADERS(7,end) ";
    }
    CHECK(client.receive() == expected);
    if (expected.starts_with("GOAWAY")) CHECK(client.server.failure == "http2.codec_error");
}

TEST_CASE("DATA that was under way when the stream was reset here is no offence") {
    RawClient client;
    client.send(headers(1, request_fields("/x", "POST"), false));
    client.receive();
    client.server.exchanges[0].encoder->reset(StreamReset::local);
    CHECK(client.receive() == "RST(1,2) ");
    client.server.at_end = [](ServerExchange& exchange) { exchange.answer("200", ""); };
    client.send(frame(kData, 0, 1, "x") + frame(kData, kEndStream, 1, "y") + headers(3, request_fields()));
    CHECK(client.receive() == "HEADERS(3,end) ");
    CHECK(client.server.failure.empty());
}

TEST_CASE("DATA after the client's own RST_STREAM ends the connection") {
    RawClient client;
    client.send(headers(1, request_fields("/x", "POST"), false));
    client.send(frame(kReset, 0, 1, number32(8)));
    client.receive();
    client.send(frame(kData, 0, 1, "x"));
    CHECK(client.receive() == "GOAWAY(1,5) FIN");
}

TEST_CASE("not HTTP/2 at all") {
    Ends ends;
    Server server(ends.loop, heirloom::UniqueFd(ends.fds[0]), {});
    heirloom::UniqueFd peer(ends.fds[1]);
    const std::string_view text = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    REQUIRE(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0);
    settle(ends.loop);
    CHECK(server.failure == "http2.codec_error");
    CHECK(server.connection->closing());
    CHECK(find_http2_preface(text) == Preface::no);
    CHECK(find_http2_preface("PRI * HTTP/") == Preface::incomplete);
    CHECK(find_http2_preface("PRI * HTTP/1.1\r\n") == Preface::no);
    CHECK(find_http2_preface("PRI * HTTP/2.0\r\n\r\nXX") == Preface::yes);
    CHECK(find_http2_preface(kPreface) == Preface::yes);
}

TEST_CASE("a server that pushes is cut off") {
    Ends ends;
    Client client(ends.loop, heirloom::UniqueFd(ends.fds[0]), {});
    heirloom::UniqueFd peer(ends.fds[1]);
    ClientExchange& exchange = client.get();
    settle(ends.loop);
    const std::string bytes = frame(kSettings, 0, 0, "") + frame(kSettings, 1, 0, "") +
                              frame(5, kEndHeaders, 1, number32(2) + request_fields());
    REQUIRE(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
    settle(ends.loop);
    CHECK(client.broken);
    CHECK(exchange.log == "reset(protocol error) ");
}

TEST_CASE("an answer that is malformed is a protocol error of its stream") {
    const std::string bad[] = {field("x", "no status"),
                               field(":status", "2x0"),
                               field(":status", "200") + field("A", "b"),
                               field(":status", "200") + field("transfer-encoding", "chunked"),
                               field(":status", "101"),
                               field(":status", "200") + field("content-length", "9")};
    for (const std::string& block : bad) {
        CAPTURE(block);
        Ends ends;
        Client client(ends.loop, heirloom::UniqueFd(ends.fds[0]), {});
        heirloom::UniqueFd peer(ends.fds[1]);
        ClientExchange& exchange = client.get();
        settle(ends.loop);
        const std::string bytes = frame(kSettings, 0, 0, "") + headers(1, block);
        REQUIRE(::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
        settle(ends.loop);
        CHECK(exchange.log == "reset(protocol error) ");
        CHECK_FALSE(client.broken);
    }
}
