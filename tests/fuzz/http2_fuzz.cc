// SPDX-License-Identifier: Apache-2.0
// Bytes for the HTTP/2 codecs: the first one chooses side and behaviour, the second how the rest is cut into reads. The
// owner answers, resets and pauses as the bytes say. No map may hold what could end a line of HTTP/1, no stream may be
// told of after its end, and the end of the connection leaves no stream.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <string>
#include <string_view>

#include "proxy/http/http2_codec.h"

using namespace heirloom;
using namespace heirloom::http;

namespace {

void check(const HeaderMap& map) {
    for (const HeaderField& field : map.fields()) {
        if (field.removed) continue;
        for (const std::string_view part : {field.name, field.value}) {
            if (part.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) std::abort();
        }
        for (const char c : field.name) {
            if (c >= 'A' && c <= 'Z') std::abort();
        }
        for (const std::string_view name : {"connection", "transfer-encoding", "keep-alive", "upgrade"}) {
            if (field.name == name) std::abort();
        }
    }
}

struct Transport : network::ConnectionCallbacks {
    network::EventLoop& loop;
    UniqueFd peer;
    std::unique_ptr<network::Connection> connection;

    explicit Transport(network::EventLoop& event_loop) : loop(event_loop) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
        peer.reset(fds[0]);
        connection = std::make_unique<network::Connection>(loop, UniqueFd(fds[1]), *this);
    }
    void on_data() override {}
    void on_end_of_stream() override {}
    void on_closed(network::CloseReason) override {}
    template <class Codec>
    void feed(Codec& codec, std::string_view input, uint8_t cut) {
        char bytes[65536];
        while (!input.empty() && !connection->closing()) {
            const size_t take = cut == 0 ? input.size() : std::min<size_t>(cut, input.size());
            connection->read_buffer().append(input.substr(0, take));
            input.remove_prefix(take);
            codec.dispatch();
            // Lets the codec do what it has put off.
            loop.post([this] { loop.stop(); });
            loop.run();
            while (::recv(peer.get(), bytes, sizeof(bytes), 0) > 0) {
            }
        }
    }
};

struct Server : Transport, ServerCallbacks {
    struct Exchange : RequestDecoder {
        Server& server;
        ResponseEncoder& encoder;
        bool headers_seen = false, over = false, answered = false;
        Exchange(Server& owner, ResponseEncoder& response) : server(owner), encoder(response) {}
        void on_request_headers(HeaderMap& headers, Protocol, bool end_stream) override {
            if (over || headers_seen || headers.get(HeaderId::method).empty()) std::abort();
            headers_seen = true;
            check(headers);
            if (server.mode & 2) encoder.request_flow().pause_reading();
            if ((server.mode & 4) || end_stream) answer();
            if ((server.mode & 8) && !answered) {
                over = true;
                encoder.reset(StreamReset::local);
            }
            if (server.mode & 2) encoder.request_flow().resume_reading();
        }
        void on_request_body(network::Buffer& data, bool end_stream) override {
            if (over || !headers_seen) std::abort();
            data.clear();
            if (end_stream) answer();
        }
        void on_request_trailers(HeaderMap& trailers) override {
            if (over) std::abort();
            check(trailers);
            answer();
        }
        void on_stream_reset(StreamReset) override { end(); }
        void on_stream_complete() override {
            if (!answered) std::abort();
            end();
        }
        void end() {
            if (std::exchange(over, true)) std::abort();
        }
        void answer() {
            if (std::exchange(answered, true)) return;
            HeaderMap map;
            map.add_copy(HeaderId::status, "200");
            network::Buffer data;
            data.append(server.mode & 16 ? std::string(200'000, 'x') : "answer");
            encoder.encode_headers(map, false, false);
            encoder.encode_body(data, !(server.mode & 32));
            if (!(server.mode & 32)) return;
            HeaderMap trailers;
            trailers.add_copy("grpc-status", "0");
            encoder.encode_trailers(trailers);
        }
    };
    std::deque<Exchange> exchanges;
    uint8_t mode = 0;

    using Transport::Transport;
    RequestDecoder& on_new_stream(ResponseEncoder& encoder) override { return exchanges.emplace_back(*this, encoder); }
    void on_stream_complete(bool) override {}
    void on_codec_error(const CodecError&) override { std::abort(); }
    void on_connection_error(std::string_view details) override {
        if (details.empty()) std::abort();
        connection->close_after_flush(std::chrono::milliseconds(0));
    }
};

struct Client : Transport, ClientCallbacks {
    struct Exchange : ResponseDecoder {
        bool head = false, body_ended = false, over = false;
        void on_interim(uint16_t status, HeaderMap& headers) override {
            if (over || head || status >= 200) std::abort();
            check(headers);
        }
        void on_response_headers(HeaderMap& headers, bool end_stream) override {
            if (over || std::exchange(head, true)) std::abort();
            check(headers);
            body_ended = end_stream;
        }
        void on_response_body(network::Buffer& data, bool end_stream) override {
            if (over || !head || body_ended) std::abort();
            data.clear();
            body_ended = end_stream;
        }
        void on_response_trailers(HeaderMap& trailers) override {
            if (over || body_ended) std::abort();
            check(trailers);
            body_ended = true;
        }
        void on_stream_reset(StreamReset) override {
            if (std::exchange(over, true)) std::abort();
        }
        void on_request_flow_high() override {}
        void on_request_flow_low() override {}
        void on_stream_complete() override {
            if (!body_ended || std::exchange(over, true)) std::abort();
        }
    };
    std::deque<Exchange> exchanges;

    using Transport::Transport;
    void on_stream_complete(bool) override {}
    void on_protocol_error() override { connection->close_after_flush(std::chrono::milliseconds(0)); }
};

void play_server(network::EventLoop& loop, uint8_t mode, std::string_view input, uint8_t cut) {
    Server server(loop);
    server.mode = mode;
    Http2Settings settings;
    if (mode & 64) settings.max_headers_bytes = 256;
    if (mode & 128) settings.initial_stream_window_size = 100;
    const auto codec = make_http2_server(*server.connection, server, settings);
    std::string whole("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    whole.append(std::string_view("\0\0\0\4\0\0\0\0\0", 9)).append(input);
    server.feed(*codec, whole, cut);
    codec->on_connection_closed();
    if (codec->open_streams() != 0) std::abort();
    for (const auto& exchange : server.exchanges) {
        if (!exchange.over) std::abort();
    }
}

void play_client(network::EventLoop& loop, uint8_t mode, std::string_view input, uint8_t cut) {
    Client client(loop);
    const auto codec = make_http2_client(*client.connection, client, {});
    for (int i = 0; i < 3; ++i) {
        Client::Exchange& exchange = client.exchanges.emplace_back();
        RequestEncoder& encoder = codec->new_stream(exchange);
        HeaderMap request;
        request.add_copy(HeaderId::method, mode & 2 ? "HEAD" : "POST");
        request.add_copy(HeaderId::path, "/");
        request.add_copy(HeaderId::authority, "a");
        encoder.encode_headers(request, i > 0);
        if (mode & 4) encoder.response_flow().pause_reading();
    }
    client.feed(*codec, input, cut);
    codec->on_connection_closed(StreamReset::connection_terminated);
    if (codec->open_streams() != 0) std::abort();
    for (const auto& exchange : client.exchanges) {
        if (!exchange.over) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static network::EventLoop loop;
    if (size < 2) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    (data[0] & 1 ? play_client : play_server)(loop, data[0], input, data[1]);
    return 0;
}
