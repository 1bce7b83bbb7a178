// SPDX-License-Identifier: Apache-2.0
// Upgrades and CONNECT over HTTP/1: what turns into raw bytes, what does not, and how each side ends.
#include <string>

#include "tests/unit/http/codec_harness.h"

using namespace heirloom::http;
using namespace heirloom::http::test;
using heirloom::network::Buffer;
using std::chrono::milliseconds;

namespace {

Buffer bytes(std::string_view text) {
    Buffer data;
    data.append(text);
    return data;
}

struct Site : ServerCallbacks {
    Wire wire;
    std::unique_ptr<ServerCodec> codec;
    RequestForwarder<Site> decoder{*this};
    ResponseEncoder* encoder = nullptr;
    std::string log;
    std::string body;
    Http1Settings settings;

    Site() {
        settings.accept_http10 = true;
        codec = make_http1_server(*wire.connection, *this, settings);
        wire.on_bytes = [this] { codec->dispatch(); };
        wire.on_end = [this] {
            if (!codec->on_end_of_stream()) wire.connection->close();
        };
        wire.on_gone = [this](auto) { codec->on_connection_closed(); };
    }
    RequestDecoder& on_new_stream(ResponseEncoder& response) override {
        encoder = &response;
        return decoder;
    }
    void on_request_headers(HeaderMap& headers, Protocol, bool end_stream) {
        log +=
            headers.has(HeaderId::upgrade) ? "upgrade=" + std::string(headers.get(HeaderId::upgrade)) + " " : "plain ";
        if (end_stream) log += "end ";
    }
    void on_request_body(Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (end_stream) log += "fin ";
    }
    void on_request_trailers(HeaderMap&) {}
    void on_stream_reset(StreamReset reason) { log += "reset(" + std::string(name_of(reason)) + ") "; }
    void on_stream_complete(bool reusable) override {
        log += reusable ? "done " : "last ";
        if (!reusable) wire.connection->close_after_flush(milliseconds(0));
    }
    void on_codec_error(const CodecError& error) override { log += std::string(error.details) + " "; }
    void answer(const char* status, bool end_stream = false) {
        HeaderMap map;
        map.add_copy(HeaderId::status, status);
        if (std::string_view(status) == "101") map.add_copy(HeaderId::upgrade, "websocket");
        map.add_copy(HeaderId::content_length, "0");
        encoder->encode_headers(map, end_stream, true);
    }
    void write(std::string_view text, bool end_stream = false) {
        Buffer data = bytes(text);
        encoder->encode_body(data, end_stream);
    }
    std::string take_log() { return std::exchange(log, ""); }
};

constexpr const char* kUpgrade =
    "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n";

struct Upstream : ClientCallbacks {
    Wire wire;
    std::unique_ptr<ClientCodec> codec;
    ResponseForwarder<Upstream> decoder{*this};
    RequestEncoder* encoder = nullptr;
    std::string log;
    std::string body;

    Upstream() {
        codec = make_http1_client(*wire.connection, *this, {});
        wire.on_bytes = [this] { codec->dispatch(); };
        wire.on_end = [this] {
            if (codec->on_end_of_stream()) return;
            if (!wire.connection->closing()) wire.connection->close();
        };
        wire.on_gone = [this](auto) { codec->on_connection_closed(StreamReset::connection_terminated); };
    }
    void on_interim(uint16_t status, HeaderMap&) { log += "interim=" + std::to_string(status) + " "; }
    void on_response_headers(HeaderMap& headers, bool end_stream) {
        log += std::string(headers.get(HeaderId::status)) + (end_stream ? " end " : " ");
    }
    void on_response_body(Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (end_stream) log += "fin ";
    }
    void on_response_trailers(HeaderMap&) {}
    void on_stream_reset(StreamReset reason) { log += "reset(" + std::string(name_of(reason)) + ") "; }
    void on_request_flow(bool) {}
    void on_stream_complete(bool reusable) override {
        log += reusable ? "reusable " : "spent ";
        wire.connection->close();
    }
    void on_protocol_error() override {
        log += "protocol-error ";
        wire.connection->close();
    }
    void ask(const char* method, bool upgrade) {
        HeaderMap map;
        map.add_copy(HeaderId::method, method);
        if (upgrade) map.add_copy(HeaderId::path, "/");
        map.add_copy(HeaderId::authority, "up:80");
        if (upgrade) map.add_copy(HeaderId::upgrade, "websocket");
        encoder = &codec->new_stream(decoder);
        encoder->encode_headers(map, false);
    }
    void write(std::string_view text, bool end_stream = false) {
        Buffer data = bytes(text);
        encoder->encode_body(data, end_stream);
    }
    std::string take_log() { return std::exchange(log, ""); }
};

}  // namespace

TEST_CASE("server: an upgrade, each side ends by itself") {
    Site site;
    site.wire.send(std::string(kUpgrade) + "early");
    CHECK(site.take_log() == "upgrade=websocket ");
    CHECK(site.body == "early");
    site.answer("101");
    CHECK(site.wire.receive() == kSwitching);
    site.wire.send("GET / HTTP/1.1\r\n\r\n");  // bytes like any other
    CHECK(site.body == "earlyGET / HTTP/1.1\r\n\r\n");
    site.write("down");
    CHECK(site.wire.receive() == "down");
    SUBCASE("the client's first") {
        ::shutdown(site.wire.peer.get(), SHUT_WR);
        site.wire.settle();
        CHECK(site.take_log() == "fin ");
        site.write("more");
        CHECK(site.wire.receive() == "more");
        site.write("", true);
        CHECK(site.take_log() == "last ");
        CHECK(site.wire.receive() == "<FIN>");
    }
    SUBCASE("ours first") {
        site.write("bye", true);
        CHECK(site.wire.receive() == "bye<FIN>");
        CHECK(site.take_log().empty());
        site.wire.send("late");
        CHECK(site.body.ends_with("late"));
        ::shutdown(site.wire.peer.get(), SHUT_WR);
        site.wire.settle();
        CHECK(site.take_log() == "fin last ");
    }
    SUBCASE("cut") {
        site.encoder->reset(StreamReset::remote);
        CHECK(site.wire.receive() == "<FIN>");
        CHECK(site.take_log().empty());
    }
    SUBCASE("the client is gone") {
        site.wire.connection->close();
        CHECK(site.take_log() == "reset(connection termination) ");
    }
}

TEST_CASE("server: an upgrade answered otherwise is an ordinary response and the last one") {
    Site site;
    site.wire.send(std::string(kUpgrade) + "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    site.take_log();
    site.answer("403", true);
    CHECK(site.wire.receive() == "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n<FIN>");
    CHECK(site.take_log() == "last ");
}

TEST_CASE("server: a client that leaves before the answer has left") {
    Site site;
    site.wire.send(kUpgrade);
    site.take_log();
    ::shutdown(site.wire.peer.get(), SHUT_WR);
    site.wire.settle();
    CHECK(site.take_log() == "reset(connection termination) ");
}

TEST_CASE("server: upgrades that are ignored") {
    const auto story = [](const char* head) {
        Site site;
        site.wire.send(head);
        return site.take_log();
    };
    CHECK(story("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: H2C\r\n\r\n") == "plain end ");
    CHECK(story("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n") == "plain end ");
    CHECK(story("GET / HTTP/1.0\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n") == "plain end ");
    CHECK(
        story(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx") ==
        "plain fin ");
    CHECK(story("POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: "
                "chunked\r\n\r\n0\r\n\r\n") == "plain fin ");
    CHECK(
        story("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n") ==
        "upgrade=websocket ");
}

TEST_CASE("server: CONNECT") {
    Site site;
    site.wire.send("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nup");
    CHECK(site.take_log() == "plain ");
    SUBCASE("accepted: no length, no connection field") {
        site.answer("200");
        CHECK(site.wire.receive() == "HTTP/1.1 200 OK\r\n\r\n");
        site.write("down", true);
        CHECK(site.wire.receive() == "down<FIN>");
        CHECK(site.body == "up");
    }
    SUBCASE("refused") {
        site.answer("404", true);
        CHECK(site.wire.receive() == "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n<FIN>");
    }
    SUBCASE("101 accepts nothing here") {
        site.answer("101", true);
        CHECK(site.wire.receive().find("connection: close") != std::string::npos);
    }
}

TEST_CASE("server: a paused tunnel takes no more than what is in flight") {
    Site site;
    site.wire.send(kUpgrade);
    site.answer("101");
    site.wire.receive();
    site.encoder->request_flow().pause_reading();
    site.wire.send("held back");
    CHECK(site.body.empty());
    ::shutdown(site.wire.peer.get(), SHUT_WR);
    site.wire.settle();
    site.take_log();
    site.encoder->request_flow().resume_reading();
    site.wire.settle();
    CHECK(site.body == "held back");
    CHECK(site.take_log() == "fin ");
}

TEST_CASE("client: an upgrade, each side ends by itself") {
    Upstream upstream;
    upstream.ask("GET", true);
    CHECK(upstream.wire.receive() ==
          "GET / HTTP/1.1\r\nhost: up:80\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n");
    upstream.write("too early");  // the receiver should have held it; it must not be read as a request
    CHECK(upstream.wire.receive().empty());
    upstream.wire.send(std::string(kSwitching) + "down");
    CHECK(upstream.take_log() == "101 ");
    CHECK(upstream.body == "down");
    upstream.write("up");
    CHECK(upstream.wire.receive() == "up");
    SUBCASE("the upstream's first") {
        ::shutdown(upstream.wire.peer.get(), SHUT_WR);
        upstream.wire.settle();
        CHECK(upstream.take_log() == "fin ");
        upstream.write("more", true);
        CHECK(upstream.wire.receive() == "more<FIN>");
        CHECK(upstream.take_log() == "spent ");
    }
    SUBCASE("ours first") {
        upstream.write("", true);
        CHECK(upstream.wire.receive() == "<FIN>");
        upstream.wire.send("late");
        ::shutdown(upstream.wire.peer.get(), SHUT_WR);
        upstream.wire.settle();
        CHECK(upstream.body == "downlate");
        CHECK(upstream.take_log() == "fin spent ");
    }
    SUBCASE("given up after the upstream's end") {
        ::shutdown(upstream.wire.peer.get(), SHUT_WR);
        upstream.wire.settle();
        upstream.encoder->reset(StreamReset::local);
        CHECK(upstream.wire.closed);
    }
}

TEST_CASE("client: an upgrade or CONNECT answered otherwise") {
    Upstream upstream;
    upstream.ask("GET", true);
    upstream.wire.receive();
    upstream.wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    upstream.write("GET /smuggled HTTP/1.1\r\n\r\n", true);
    CHECK(upstream.wire.receive().empty());
    upstream.wire.send("ok");
    CHECK(upstream.body == "ok");
    CHECK(upstream.take_log() == "200 fin spent ");
}

TEST_CASE("client: CONNECT") {
    Upstream upstream;
    upstream.ask("CONNECT", false);
    CHECK(upstream.wire.receive() == "CONNECT up:80 HTTP/1.1\r\nhost: up:80\r\n\r\n");
    SUBCASE("accepted, with a length that means nothing") {
        upstream.wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nraw");
        CHECK(upstream.take_log() == "200 ");
        CHECK(upstream.body == "raw");
    }
    SUBCASE("101 was not asked for") {
        upstream.wire.send("HTTP/1.1 101 Switching Protocols\r\n\r\n");
        CHECK(upstream.take_log() == "reset(protocol error) protocol-error ");
    }
}
