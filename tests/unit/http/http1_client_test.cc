// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/unit/http/codec_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;
using heirloom::network::Buffer;

namespace {

// A pool and a router in miniature.
struct Upstream : ClientCallbacks {
    Wire wire;
    std::unique_ptr<ClientCodec> codec;
    ResponseForwarder<Upstream> decoder{*this};
    RequestEncoder* encoder = nullptr;
    std::string log;
    std::string body;
    std::function<void()> at_headers;

    explicit Upstream(const Http1Settings& settings = {}) {
        codec = make_http1_client(*wire.connection, *this, settings);
        wire.on_bytes = [this] { codec->dispatch(); };
        wire.on_end = [this] {
            codec->on_end_of_stream();
            if (!wire.connection->closing()) wire.connection->close();
        };
        wire.on_gone = [this](auto) { codec->on_connection_closed(StreamReset::connection_terminated); };
    }
    void on_interim(uint16_t status, HeaderMap&) { log += "interim=" + std::to_string(status) + " "; }
    void on_response_headers(HeaderMap& headers, bool end_stream) {
        log += fields_of(headers) + (end_stream ? "end " : "");
        if (at_headers) at_headers();
    }
    void on_response_body(Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (end_stream) log += "body=" + std::exchange(body, "") + " ";
    }
    void on_response_trailers(HeaderMap& trailers) {
        log += "body=" + std::exchange(body, "") + " trailers: " + fields_of(trailers);
    }
    void on_stream_reset(StreamReset reason) { log += "reset(" + std::string(name_of(reason)) + ") "; }
    void on_request_flow(bool high) { log += high ? "high " : "low "; }
    void on_stream_complete(bool reusable) override { log += reusable ? "reusable " : "spent "; }
    void on_protocol_error() override {
        log += "protocol-error ";
        wire.connection->close();
    }
    void ask(const char* method, std::string_view text = {}, const char* length = nullptr) {
        HeaderMap map;
        map.add_copy(HeaderId::method, method);
        map.add_copy(HeaderId::path, "/p?q");
        map.add_copy(HeaderId::authority, "up:80");
        map.add_copy("x-a", "b");
        if (length) map.add_copy(HeaderId::content_length, length);
        encoder = &codec->new_stream(decoder);
        encoder->encode_headers(map, text.empty());
        if (text.empty()) return;
        Buffer data;
        data.append(text);
        encoder->encode_body(data, true);
    }
    std::string reply(const char* method, std::string_view text) {
        ask(method);
        wire.receive();
        wire.send(text);
        return std::exchange(log, "");
    }
};

}  // namespace

TEST_CASE("requests leave as HTTP/1.1 with one host and right framing") {
    const auto sent = [](const char* method, std::string_view body, const char* length) {
        Upstream upstream;
        upstream.ask(method, body, length);
        return upstream.wire.receive();
    };
    CHECK(sent("GET", "", nullptr) == "GET /p?q HTTP/1.1\r\nhost: up:80\r\nx-a: b\r\n\r\n");
    CHECK(sent("GET", "", "5") == "GET /p?q HTTP/1.1\r\nhost: up:80\r\nx-a: b\r\n\r\n");
    CHECK(sent("POST", "", nullptr) == "POST /p?q HTTP/1.1\r\nhost: up:80\r\nx-a: b\r\ncontent-length: 0\r\n\r\n");
    CHECK(sent("POST", "abc", "3") == "POST /p?q HTTP/1.1\r\nhost: up:80\r\nx-a: b\r\ncontent-length: 3\r\n\r\nabc");
    CHECK(sent("PUT", "abc", nullptr) ==
          "PUT /p?q HTTP/1.1\r\nhost: up:80\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST_CASE("responses in each framing leave the connection reusable or not") {
    Upstream upstream;
    CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") ==
          ":status=200 content-length=2 body=ok reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: x\r\n\r\n") ==
          ":status=200 transfer-encoding=chunked body=ok reusable ");
    CHECK(upstream.reply("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n") ==
          ":status=200 content-length=2 end reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.1 204 No Content\r\n\r\n") == ":status=204 end reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n") ==
          ":status=304 content-length=9 end reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
          ":status=200 content-length=0 end reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx") ==
          ":status=200 content-length=1 connection=keep-alive body=x reusable ");
    SUBCASE("connection: close") {
        CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx") ==
              ":status=200 content-length=1 connection=close body=x spent ");
    }
    SUBCASE("HTTP/1.0") {
        CHECK(upstream.reply("GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx") ==
              ":status=200 content-length=1 body=x spent ");
    }
    SUBCASE("bytes behind the response") {
        CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n") ==
              ":status=200 content-length=1 body=x spent ");
    }
    SUBCASE("framed by the end of the connection") {
        CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\n\r\nuntil") == ":status=200 ");
        upstream.wire.send(" close");
        ::shutdown(upstream.wire.peer.get(), SHUT_WR);
        upstream.wire.settle();
        CHECK(upstream.log == "body=until close spent ");
    }
}

TEST_CASE("interim responses are told apart from the answer") {
    Upstream upstream;
    CHECK(upstream.reply("GET",
                         "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n\r\n") ==
          "interim=103 interim=100 :status=204 end reusable ");
    CHECK(upstream.reply("GET", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n") ==
          "reset(protocol error) protocol-error ");
}

TEST_CASE("what no upstream should say is a protocol error") {
    for (const char* text : {"nonsense\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
                             "HTTP/1.1 200 OK\nX: a\n\n"}) {
        CAPTURE(text);
        Upstream upstream;
        CHECK(upstream.reply("GET", text) == "reset(protocol error) protocol-error ");
    }
    Upstream chunks;
    CHECK(chunks.reply("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") ==
          ":status=200 transfer-encoding=chunked reset(protocol error) protocol-error ");
    Upstream large;
    CHECK(large.reply("GET", "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')) ==
          "reset(protocol error) protocol-error ");
    Upstream unasked;
    unasked.wire.send("HTTP/1.1 408 Request Timeout\r\n\r\n");
    CHECK(unasked.log == "protocol-error ");
}

TEST_CASE("an upstream that leaves too early resets the stream") {
    for (const std::string_view text : {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
        CAPTURE(text);
        Upstream upstream;
        upstream.ask("GET");
        upstream.wire.send(text);
        upstream.wire.receive();
        upstream.log.clear();
        upstream.wire.peer.reset();
        upstream.wire.settle();
        // Nothing at all: the connection has just ended. A response cut short: a broken one.
        CHECK(upstream.log ==
              (text.empty() ? "reset(connection termination) " : "reset(protocol error) protocol-error "));
    }
}

TEST_CASE("an answer before the request is complete spends the connection") {
    Upstream upstream;
    HeaderMap map;
    map.add_copy(HeaderId::method, "POST");
    map.add_copy(HeaderId::path, "/");
    map.add_copy(HeaderId::authority, "up");
    upstream.encoder = &upstream.codec->new_stream(upstream.decoder);
    upstream.encoder->encode_headers(map, false);
    upstream.wire.receive();
    upstream.wire.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    CHECK(upstream.log == ":status=413 content-length=0 end spent ");
    Buffer data;
    data.append("late");
    upstream.encoder->encode_body(data, true);
    CHECK(data.empty());
}

TEST_CASE("a reset is silent and closes, also from inside a callback") {
    Upstream upstream;
    upstream.at_headers = [&] { upstream.encoder->reset(StreamReset::local); };
    CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") == ":status=200 content-length=3 ");
    CHECK(upstream.wire.closed);
}

TEST_CASE("a paused response waits; a full socket slows the request's source") {
    Upstream upstream;
    upstream.at_headers = [&] { upstream.encoder->response_flow().pause_reading(); };
    CHECK(upstream.reply("GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc") == ":status=200 content-length=3 ");
    upstream.encoder->response_flow().resume_reading();
    upstream.wire.settle();
    CHECK(upstream.log == "body=abc reusable ");
    upstream.log.clear();
    upstream.wire.on_watermark = [&](bool high) {
        high ? upstream.codec->on_write_buffer_high() : upstream.codec->on_write_buffer_low();
    };
    upstream.ask("POST", std::string(4'000'000, 'b'), "4000000");
    upstream.wire.settle();
    CHECK(upstream.log == "high ");
    CHECK(upstream.wire.receive().size() > 4'000'000);
    CHECK(upstream.log == "high low ");
}
