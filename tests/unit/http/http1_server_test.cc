// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/unit/http/codec_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;
using heirloom::network::Buffer;
using std::chrono::milliseconds;

namespace {

// A connection manager in miniature: logs what the codec tells it, answers when told to.
struct Manager : ServerCallbacks {
    Wire wire;
    std::unique_ptr<ServerCodec> codec;
    RequestForwarder<Manager> decoder{*this};
    ResponseEncoder* encoder = nullptr;
    std::string log;
    std::string body;
    std::function<void()> at_headers, at_end;
    std::function<void(const CodecError&)> at_error;
    bool close_when_done = true;
    const Http1Settings settings;

    explicit Manager(const Http1Settings& chosen = {}) : settings(chosen) {
        codec = make_http1_server(*wire.connection, *this, settings);
        wire.on_bytes = [this] { codec->dispatch(); };
        wire.on_gone = [this](auto) { codec->on_connection_closed(); };
    }
    RequestDecoder& on_new_stream(ResponseEncoder& response) override {
        encoder = &response;
        log += "stream ";
        return decoder;
    }
    void on_request_headers(HeaderMap& headers, Protocol, bool end_stream) {
        log += fields_of(headers) + (end_stream ? "end " : "");
        if (at_headers) at_headers();
        if (end_stream && at_end) at_end();
    }
    void on_request_body(Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (end_stream) log += "body=" + (body.size() > 40 ? std::to_string(body.size()) : body) + " ";
        if (end_stream && at_end) at_end();
    }
    void on_request_trailers(HeaderMap& trailers) {
        log += "body=" + body + " trailers: " + fields_of(trailers);
        if (at_end) at_end();
    }
    void on_stream_reset(StreamReset reason) { log += "reset(" + std::string(name_of(reason)) + ") "; }
    void on_stream_complete(bool reusable) override {
        log += reusable ? "done " : "last ";
        body.clear();
        if (!reusable && close_when_done) wire.connection->close_after_flush(milliseconds(0));
        if (reusable) codec->dispatch();
    }
    void on_codec_error(const CodecError& error) override {
        log += std::to_string(error.status) + ":" + std::string(error.details) + " ";
        if (at_error) at_error(error);
    }
    // One answer; `length` < 0 leaves content-length out.
    void answer(const char* status, std::string_view text, bool with_length = true) {
        HeaderMap map;
        map.add_copy(HeaderId::status, status);
        if (with_length && !text.empty()) map.add_copy(HeaderId::content_length, std::to_string(text.size()));
        encoder->encode_headers(map, text.empty(), false);
        if (text.empty()) return;
        Buffer data;
        data.append(text);
        encoder->encode_body(data, true);
    }
    std::string take_log() { return std::exchange(log, ""); }
};

}  // namespace

TEST_CASE("keep-alive: request, answer, request, answer") {
    Manager manager;
    CHECK(manager.codec->idle());
    for (int i = 0; i < 3; ++i) {
        manager.wire.send("GET /x HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
        CHECK(manager.take_log() == "stream :authority=h :path=/x :method=GET a=b end ");
        CHECK_FALSE(manager.codec->idle());
        manager.answer("200", "hello");
        CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        CHECK(manager.take_log() == "done ");
        CHECK(manager.codec->idle());
    }
}

TEST_CASE("pipelined requests are answered one by one and in one write") {
    Manager manager;
    manager.at_end = [&] { manager.answer("204", ""); };
    manager.wire.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHo");
    CHECK(manager.take_log() ==
          "stream :authority=h :path=/1 :method=GET end done stream :authority=h :path=/2 :method=GET end done ");
    CHECK_FALSE(manager.codec->idle());
    CHECK(manager.wire.receive() == "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    // Held back while an answer is due.
    manager.at_end = nullptr;
    manager.wire.send("st: h\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(manager.take_log() == "stream :authority=h :path=/3 :method=GET end ");
    manager.answer("200", "");
    CHECK(manager.take_log() == "done stream :authority=h :path=/4 :method=GET end ");
    CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("a flood of pipelined requests waits in the socket") {
    Manager manager;
    std::string flood;
    while (flood.size() < 150'000) flood += "GET /flood HTTP/1.1\r\nHost: h\r\n\r\n";
    manager.at_headers = [&] { manager.log.clear(); };
    size_t sent = 0;
    while (sent < flood.size()) {
        const ssize_t wrote = ::send(manager.wire.peer.get(), flood.data() + sent, flood.size() - sent, MSG_NOSIGNAL);
        if (wrote <= 0) break;
        sent += static_cast<size_t>(wrote);
        manager.wire.settle();
    }
    CHECK(manager.wire.connection->read_buffer().size() < 140'000);
    int answers = 1;
    manager.at_end = [&] {
        ++answers;
        manager.answer("200", "");
    };
    manager.answer("200", "");
    for (int i = 0; i < 50; ++i) manager.wire.receive();
    CHECK(answers == static_cast<int>(sent / 32));
}

TEST_CASE("bodies: counted, chunked, with and without trailers") {
    Http1Settings settings;
    settings.enable_trailers = true;
    Manager manager(settings);
    manager.at_end = [&] { manager.answer("200", "ok"); };
    manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\nabc");
    manager.wire.send("defg");
    CHECK(manager.take_log() == "stream :authority=h :path=/ :method=POST content-length=7 body=abcdefg done ");
    manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    manager.wire.send("1\r\nd\r\n0\r\n");
    manager.wire.send("\r\n");
    CHECK(manager.take_log() == "stream :authority=h :path=/ :method=POST transfer-encoding=chunked body=abcd done ");
    manager.wire.send(
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nSum: 9\r\n\r\n");
    CHECK(manager.take_log() ==
          "stream :authority=h :path=/ :method=POST transfer-encoding=chunked body=abc trailers: sum=9 done ");
    // At once, up to the last byte: no answer before the request is complete, so the connection stays.
    CHECK(manager.wire.receive().find("close") == std::string::npos);
}

TEST_CASE("answers: chunked when the length is unknown, none for HEAD, 204 and 304") {
    Http1Settings settings;
    settings.accept_http10 = true;
    Manager manager(settings);
    manager.at_end = [&] { manager.answer("200", "hello", false); };
    manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    manager.at_end = [&] { manager.answer("200", "hello"); };
    manager.wire.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
    manager.at_end = [&] { manager.answer("304", "hello"); };
    manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    CHECK(manager.wire.receive() == "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
    manager.at_end = [&] { manager.answer("299", ""); };
    manager.wire.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    CHECK(manager.wire.receive() == "HTTP/1.0 299 Unknown\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n");
    manager.at_end = [&] { manager.answer("200", "old", false); };
    manager.wire.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    CHECK(manager.wire.receive() == "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nold<FIN>");
}

TEST_CASE("connection: close from either side ends the connection") {
    SUBCASE("the client asks for it") {
        Manager manager;
        manager.at_end = [&] { manager.answer("200", ""); };
        manager.wire.send(
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n<FIN>");
        CHECK(manager.log.find("never") == std::string::npos);
    }
    SUBCASE("the owner asks for it") {
        Manager manager;
        manager.at_end = [&] {
            HeaderMap map;
            map.add_copy(HeaderId::status, "200");
            manager.encoder->encode_headers(map, true, true);
        };
        manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n<FIN>");
        CHECK(manager.log.ends_with("last "));
    }
    SUBCASE("the answer comes before the request is complete") {
        Manager manager;
        manager.at_headers = [&] { manager.answer("413", "no"); };
        manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
        CHECK(manager.wire.receive() ==
              "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno<FIN>");
        CHECK(manager.log.ends_with("last "));
    }
    SUBCASE("the answer is shorter than it said") {
        Manager manager;
        manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        HeaderMap map;
        map.add_copy(HeaderId::status, "200");
        map.add_copy(HeaderId::content_length, "10");
        manager.encoder->encode_headers(map, false, false);
        Buffer data;
        data.append("short");
        manager.encoder->encode_body(data, true);
        CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort<FIN>");
        CHECK(manager.log.ends_with("last "));
    }
}

TEST_CASE("expect: 100-continue is the owner's to answer") {
    Manager manager;
    manager.wire.send("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
    CHECK(manager.log.find("expect=100-Continue") != std::string::npos);
    CHECK(manager.wire.receive().empty());
    manager.encoder->encode_interim(100, HeaderMap());
    CHECK(manager.wire.receive() == "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_CASE("a broken request is told once and can be answered") {
    Manager manager;
    manager.at_error = [&](const CodecError& error) {
        manager.answer(error.status == 431 ? "431" : "400", "Bad Request");
    };
    SUBCASE("in the head") {
        manager.wire.send("GET / HTTP/1.1\r\nHost : h\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
        CHECK(manager.log == "stream 400:http1.codec_error last ");
    }
    SUBCASE("in a chunk: the decoder hears no more") {
        manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
        CHECK(manager.log ==
              "stream :authority=h :path=/ :method=POST transfer-encoding=chunked 400:http1.codec_error last ");
    }
    SUBCASE("both lengths") {
        manager.wire.send(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n");
        CHECK(manager.log == "stream 400:http1.content_length_and_chunked_not_allowed last ");
    }
    CHECK(manager.wire.receive() ==
          "HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\nconnection: close\r\n\r\nBad Request<FIN>");
}

TEST_CASE("a client that leaves resets what is open, once") {
    Manager manager;
    manager.wire.on_end = [&] { manager.wire.connection->close(); };
    manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    manager.take_log();
    manager.wire.peer.reset();
    manager.wire.settle();
    CHECK(manager.log == "reset(connection termination) ");
    manager.answer("200", "too late");  // harmless
    CHECK(manager.log == "reset(connection termination) ");
}

TEST_CASE("a stream that is reset in the middle of its answer ends the connection") {
    Manager manager;
    manager.wire.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    HeaderMap map;
    map.add_copy(HeaderId::status, "200");
    manager.encoder->encode_headers(map, false, false);
    Buffer data;
    data.append("part");
    manager.encoder->encode_body(data, false);
    manager.encoder->reset(StreamReset::local);
    CHECK(manager.wire.receive() == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\npart\r\n<FIN>");
    CHECK(manager.wire.closed);
    CHECK(manager.log.find("reset") == std::string::npos);
}

TEST_CASE("pauses hold the request body back and are counted") {
    Manager manager;
    manager.at_headers = [&] {
        manager.encoder->request_flow().pause_reading();
        manager.encoder->request_flow().pause_reading();
    };
    manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc");
    manager.wire.send("def");
    CHECK(manager.body.empty());
    manager.encoder->request_flow().resume_reading();
    manager.wire.settle();
    CHECK(manager.body.empty());
    manager.encoder->request_flow().resume_reading();
    manager.wire.settle();
    CHECK(manager.log.ends_with("body=abcdef "));
}

TEST_CASE("a body of any size passes through") {
    Manager manager;
    const std::string large(3'000'000, 'z');
    manager.wire.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\n" + large);
    CHECK(manager.log.ends_with("body=3000000 "));
    manager.answer("200", large);
    const std::string got = manager.wire.receive();
    CHECK(got.size() == large.size() + std::string("HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n").size());
    CHECK(got.ends_with(large));
}
