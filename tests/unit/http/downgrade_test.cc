// SPDX-License-Identifier: Apache-2.0
// From HTTP/2 to HTTP/1: what would mean something else there never leaves the HTTP/2 codec, and if it did, the HTTP/1
// codec would not write it.
#include "tests/unit/http/codec_harness.h"
#include "tests/unit/http/http2_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;

TEST_CASE("requests that would smuggle are reset before anybody sees them") {
    const std::string nul("a\0b", 3);
    const auto head = [](std::string_view method, std::string_view path, std::string_view authority) {
        return field(":method", method) + field(":scheme", "http") + field(":path", path) +
               field(":authority", authority);
    };
    for (const std::string& fields : {
             head("GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "/", "h"),
             head("GET /", "/", "h"),
             head("GET", "/ HTTP/1.1\r\nx: y", "h"),
             head("GET", "/a b", "h"),
             head("GET", nul, "h"),
             head("GET", "/", "h\r\nx: y"),
             head("GET", "/", nul),
             head("GET", "/", "user@h"),
             head("GET", "/", "h/x"),
             request_fields() + field("x", "a\r\ny: b"),
             request_fields() + field("x", "a\nb"),
             request_fields() + field("x", nul),
             request_fields() + field("x\r\ny", "b"),
             request_fields() + field("x: y", "b"),
             request_fields() + field("x y", "b"),
             request_fields() + field("X", "b"),
             request_fields() + field("", "b"),
             request_fields() + field("transfer-encoding", "chunked"),
             request_fields() + field("connection", "close"),
             request_fields() + field("keep-alive", "5"),
             request_fields() + field("proxy-connection", "close"),
             request_fields() + field("upgrade", "h2c"),
             request_fields() + field("content-length", "1") + field("content-length", "2"),
             request_fields() + field("content-length", "+1"),
             request_fields() + field("content-length", "1, 1"),
             request_fields() + field("host", "other"),
         }) {
        CAPTURE(fields);
        RawClient raw;
        raw.send(frame(kHeaders, kEndHeaders, 1, fields));
        CHECK(raw.server.exchanges.empty());
        CHECK(raw.receive() == "RST(1,1) ");
    }
}

TEST_CASE("a body that is not as long as was said ends the stream") {
    for (const std::string_view body : {"abcd", "ab"}) {
        RawClient raw;
        raw.send(frame(kHeaders, kEndHeaders, 1, request_fields("/x", "POST") + field("content-length", "3")));
        REQUIRE(raw.server.exchanges.size() == 1);
        raw.send(frame(kData, kEndStream, 1, body));
        CHECK(raw.server.exchanges[0].log.find("body=") == std::string::npos);
        CHECK(raw.server.exchanges[0].log.find("reset(") != std::string::npos);
    }
}

TEST_CASE("the HTTP/1 codec writes nothing that could end a line early, whoever asks") {
    struct Owner : ClientCallbacks {
        void on_stream_complete(bool) override {}
        void on_protocol_error() override {}
    } owner;
    struct Decoder : ClientExchange {
    } decoder;
    Wire wire;
    const auto codec = make_http1_client(*wire.connection, owner, {});
    HeaderMap map;
    map.add_copy(HeaderId::method, "POST");
    map.add_copy(HeaderId::path, "/ HTTP/1.1\r\nx: y");
    map.add_copy(HeaderId::authority, "h");
    map.add_copy(HeaderId::content_length, "3\r\nx: y");
    map.add_copy(HeaderId::transfer_encoding, "gzip");
    map.add_copy(HeaderId::connection, "close\r\nx: y");
    map.add_copy("a\r\nx", "y");
    map.add_copy("b", "c\r\nx: y");
    map.add_copy("d", std::string_view("\0", 1));
    map.add_copy("kept", "yes");
    codec->new_stream(decoder).encode_headers(map, false);
    CHECK(wire.receive() ==
          "POST /%20HTTP/1.1%0D%0Ax:%20y HTTP/1.1\r\nhost: h\r\nkept: yes\r\ntransfer-encoding: chunked\r\n\r\n");
}
