// SPDX-License-Identifier: Apache-2.0
// A client and a server codec at the two ends of a socket pair, on one loop; and the raw bytes of a client for what no
// codec of ours would say.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "proxy/http/http2_codec.h"
#include "tests/unit/http/codec_harness.h"

namespace heirloom::http::test {

// One end.
struct End : network::ConnectionCallbacks {
    network::EventLoop& loop;
    std::unique_ptr<network::Connection> connection;
    std::function<void()> on_bytes, on_gone, on_low;

    End(network::EventLoop& event_loop, UniqueFd fd) : loop(event_loop) {
        connection = std::make_unique<network::Connection>(loop, std::move(fd), *this);
        REQUIRE(connection->start());
    }
    void on_data() override {
        if (on_bytes) on_bytes();
    }
    void on_end_of_stream() override { connection->close(network::CloseReason::remote); }
    void on_closed(network::CloseReason) override {
        if (on_gone) on_gone();
    }
    void on_write_buffer_low() override {
        if (on_low) on_low();
    }
};

struct Server;

struct ServerExchange : RequestDecoder {
    Server& server;
    ResponseEncoder* encoder;
    std::string log, body, never_indexed;
    bool high = false, over = false;

    ServerExchange(Server& owner, ResponseEncoder& response) : server(owner), encoder(&response) {}
    void on_request_headers(HeaderMap& headers, Protocol, bool end_stream) override;
    void on_request_body(network::Buffer& data, bool end_stream) override;
    void on_request_trailers(HeaderMap& trailers) override;
    void on_stream_reset(StreamReset reason) override {
        log += "reset(" + std::string(name_of(reason)) + ") ";
        over = true;
    }
    void on_stream_complete() override {
        log += "done ";
        over = true;
    }
    void on_response_flow_high() override { high = true; }
    void on_response_flow_low() override { high = false; }
    void note_never_indexed(const HeaderMap& map) {
        for (const HeaderField& one : map.fields()) {
            if (one.never_indexed) never_indexed += std::string(one.name) + " ";
        }
    }
    void answer(const char* status, std::string_view text, bool end = true) {
        HeaderMap map;
        map.add_copy(HeaderId::status, status);
        encoder->encode_headers(map, text.empty() && end, false);
        if (text.empty()) return;
        network::Buffer data;
        data.append(text);
        encoder->encode_body(data, end);
    }
};

struct Server : End, ServerCallbacks {
    std::unique_ptr<ServerCodec> codec;
    std::deque<ServerExchange> exchanges;
    std::string failure;
    int ended = 0;
    bool reusable = true;
    std::function<void(ServerExchange&)> at_headers, at_end;

    Server(network::EventLoop& event_loop, UniqueFd fd, const Http2Settings& settings)
        : End(event_loop, std::move(fd)) {
        codec = make_http2_server(*connection, *this, settings);
        on_bytes = [this] { codec->dispatch(); };
        on_gone = [this] { codec->on_connection_closed(); };
        on_low = [this] { codec->on_write_buffer_low(); };
    }
    RequestDecoder& on_new_stream(ResponseEncoder& encoder) override { return exchanges.emplace_back(*this, encoder); }
    void on_stream_complete(bool may_go_on) override {
        ++ended;
        reusable = may_go_on;
    }
    void on_codec_error(const CodecError&) override { FAIL("not for HTTP/2"); }
    void on_connection_error(std::string_view details) override {
        failure = details;
        connection->close_after_flush(std::chrono::milliseconds(0));
    }
};

inline void ServerExchange::on_request_headers(HeaderMap& headers, Protocol protocol, bool end_stream) {
    CHECK(protocol == Protocol::http2);
    log += fields_of(headers) + (end_stream ? "end " : "");
    note_never_indexed(headers);
    if (server.at_headers) server.at_headers(*this);
    if (end_stream && server.at_end) server.at_end(*this);
}
inline void ServerExchange::on_request_body(network::Buffer& data, bool end_stream) {
    body += data.to_string();
    data.clear();
    if (end_stream) log += "body=" + (body.size() > 40 ? std::to_string(body.size()) : body) + " ";
    if (end_stream && server.at_end) server.at_end(*this);
}
inline void ServerExchange::on_request_trailers(HeaderMap& trailers) {
    log += "body=" + body + " trailers: " + fields_of(trailers);
    note_never_indexed(trailers);
    if (server.at_end) server.at_end(*this);
}

struct ClientExchange : ResponseDecoder {
    RequestEncoder* encoder = nullptr;
    std::string log, body;
    std::optional<StreamReset> reset;
    bool high = false;
    std::function<void()> at_body;

    void on_interim(uint16_t status, HeaderMap& headers) override {
        log += "interim(" + std::to_string(status) + ") " + fields_of(headers);
        log += "";
    }
    void on_response_headers(HeaderMap& headers, bool end_stream) override {
        log += fields_of(headers) + (end_stream ? "end " : "");
    }
    void on_response_body(network::Buffer& data, bool end_stream) override {
        body += data.to_string();
        data.clear();
        if (end_stream) log += "body=" + (body.size() > 40 ? std::to_string(body.size()) : body) + " ";
        if (at_body) at_body();
    }
    void on_response_trailers(HeaderMap& trailers) override {
        log += "body=" + body + " trailers: " + fields_of(trailers);
    }
    void on_stream_reset(StreamReset reason) override {
        log += "reset(" + std::string(name_of(reason)) + ") ";
        reset = reason;
    }
    void on_request_flow_high() override { high = true; }
    void on_request_flow_low() override { high = false; }
    void on_stream_complete() override { log += "done "; }
};

struct Client : End, ClientCallbacks {
    std::unique_ptr<ClientCodec> codec;
    std::deque<ClientExchange> exchanges;
    bool broken = false, goaway = false;
    int ended = 0;

    Client(network::EventLoop& event_loop, UniqueFd fd, const Http2Settings& settings)
        : End(event_loop, std::move(fd)) {
        codec = make_http2_client(*connection, *this, settings);
        on_bytes = [this] { codec->dispatch(); };
        on_gone = [this] { codec->on_connection_closed(StreamReset::connection_terminated); };
        on_low = [this] { codec->on_write_buffer_low(); };
    }
    void on_stream_complete(bool) override { ++ended; }
    void on_protocol_error() override {
        broken = true;
        connection->close_after_flush(std::chrono::milliseconds(0));
    }
    void on_goaway() override { goaway = true; }

    ClientExchange& begin(std::string_view method, bool end_stream, HeaderMap extra = {}) {
        ClientExchange& exchange = exchanges.emplace_back();
        exchange.encoder = &codec->new_stream(exchange);
        extra.add_copy(HeaderId::method, method);
        extra.add_copy(HeaderId::path, "/x");
        extra.add_copy(HeaderId::authority, "h");
        exchange.encoder->encode_headers(extra, end_stream);
        return exchange;
    }
    ClientExchange& get() { return begin("GET", true); }
};

inline void settle(network::EventLoop& loop, int times = 8) {
    for (int i = 0; i < times; ++i) {
        loop.post([&loop] { loop.stop(); });
        loop.run();
    }
}

struct Ends {
    network::EventLoop loop;
    int fds[2];
    Ends() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0); }
};

struct Pair : Ends {
    Server server;
    Client client;
    explicit Pair(const Http2Settings& server_settings = {}, const Http2Settings& client_settings = {})
        : server(loop, UniqueFd(fds[0]), server_settings), client(loop, UniqueFd(fds[1]), client_settings) {}
    void run(int times = 8) { settle(loop, times); }
};

// Frames by hand.
inline std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
    const auto size = static_cast<uint32_t>(payload.size());
    std::string bytes;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(size >> shift);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(stream >> shift);
    return bytes.append(payload);
}
inline constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7,
                         kWindowUpdate = 8, kContinuation = 9;
inline constexpr uint8_t kEndStream = 1, kEndHeaders = 4;
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A field that is not in any table: literal without indexing.
inline std::string field(std::string_view name, std::string_view value) {
    const auto text = [](std::string_view part) {
        std::string bytes;
        size_t size = part.size();
        if (size < 127) {
            bytes += static_cast<char>(size);
        } else {
            bytes += static_cast<char>(127);
            for (size -= 127; size >= 128; size >>= 7) bytes += static_cast<char>((size & 127) | 128);
            bytes += static_cast<char>(size);
        }
        return bytes.append(part);
    };
    return std::string(1, '\0') + text(name) + text(value);
}
inline std::string request_fields(std::string_view path = "/x", std::string_view method = "GET") {
    return field(":method", method) + field(":scheme", "http") + field(":path", path) + field(":authority", "h");
}

// A server whose client is the test.
struct RawClient : Ends {
    Server server;
    UniqueFd peer;
    explicit RawClient(const Http2Settings& settings = {}) : server(loop, UniqueFd(fds[0]), settings), peer(fds[1]) {
        send(std::string(kPreface) + frame(kSettings, 0, 0, ""));
        receive();
    }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
            settle(loop, 3);
            if (sent <= 0 && (errno == EPIPE || server.connection->closing())) return;
        }
        settle(loop, 3);
    }
    // What the server says, in words: "HEADERS(1) DATA(1,5,end) RST(3,1) GOAWAY(7,11) FIN".
    std::string receive() {
        settle(loop);
        std::string bytes, words;
        char chunk[65536];
        bool end = false;
        for (;;) {
            const ssize_t got = ::recv(peer.get(), chunk, sizeof(chunk), 0);
            end = got == 0;
            if (got <= 0) break;
            bytes.append(chunk, static_cast<size_t>(got));
            settle(loop, 2);
        }
        const auto number = [&bytes](size_t at, size_t size) {
            uint32_t value = 0;
            for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
            return value;
        };
        for (size_t at = 0; at + 9 <= bytes.size();) {
            const uint32_t size = number(at, 3), stream = number(at + 5, 4);
            const auto type = static_cast<uint8_t>(bytes[at + 3]), flags = static_cast<uint8_t>(bytes[at + 4]);
            const std::string last = (flags & kEndStream) ? ",end) " : ") ";
            if (type == kData) words += "DATA(" + std::to_string(stream) + "," + std::to_string(size) + last;
            if (type == kHeaders) words += "HEADERS(" + std::to_string(stream) + last;
            if (type == kReset)
                words += "RST(" + std::to_string(stream) + "," + std::to_string(number(at + 9, 4)) + ") ";
            if (type == kPing && (flags & 1) == 0) words += "PING ";
            if (type == kGoaway) {
                words +=
                    "GOAWAY(" + std::to_string(number(at + 9, 4)) + "," + std::to_string(number(at + 13, 4)) + ") ";
            }
            at += 9 + size;
        }
        return end ? words + "FIN" : words;
    }
};

}  // namespace heirloom::http::test
