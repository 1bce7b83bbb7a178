// SPDX-License-Identifier: Apache-2.0
// Bytes for the HTTP/1 codecs: the first one chooses side and settings, the second how the rest is cut into reads.
// However it is cut, the codec must tell the same story and write the same answers.
#include <sys/socket.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "proxy/http/http1_codec.h"
#include "tests/unit/http/forwarders.h"

using namespace heirloom;
using namespace heirloom::http;
using heirloom::http::test::RequestForwarder;
using heirloom::http::test::ResponseForwarder;

namespace {

struct Cutter {
    uint32_t state;
    size_t next(size_t left) {
        if (state == 0) return left;
        state = state * 1664525 + 1013904223;
        const size_t size = (state >> 16) % 8 == 0 ? 1 + (state >> 20) % 4000 : 1 + (state >> 20) % 7;
        return std::min(size, left);
    }
};

std::string text_of(const HeaderMap& map) {
    std::string text;
    for (const HeaderField& field : map.fields()) {
        if (field.removed) continue;
        // No map may hold what could end a line when it is written again.
        for (const std::string_view part : {field.name, field.value}) {
            if (part.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) std::abort();
        }
        text += std::string(field.name) + "=" + std::string(field.value) + "|";
    }
    return text;
}

struct Transport : network::ConnectionCallbacks {
    network::EventLoop& loop;
    UniqueFd peer;
    std::unique_ptr<network::Connection> connection;
    std::string story;    // what the codec told
    std::string written;  // what it sent
    std::string body;

    explicit Transport(network::EventLoop& event_loop) : loop(event_loop) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
        peer.reset(fds[0]);
        connection = std::make_unique<network::Connection>(loop, UniqueFd(fds[1]), *this);
    }
    void on_data() override {}
    void on_end_of_stream() override {}
    void on_closed(network::CloseReason) override {}
    void drain() {
        char bytes[65536];
        for (ssize_t got = 0; (got = ::recv(peer.get(), bytes, sizeof(bytes), 0)) > 0;) written.append(bytes, got);
        connection->flush();
    }
    template <class Codec>
    void feed(Codec& codec, std::string_view input, Cutter cutter) {
        while (!input.empty() && !connection->closing()) {
            const size_t take = cutter.next(input.size());
            connection->read_buffer().append(input.substr(0, take));
            input.remove_prefix(take);
            codec.dispatch();
            drain();
        }
    }
};

struct Server : Transport, ServerCallbacks {
    RequestForwarder<Server> decoder{*this};
    ResponseEncoder* encoder = nullptr;
    bool accept_tunnels = false;
    bool tunnel = false;
    explicit Server(network::EventLoop& event_loop) : Transport(event_loop) {}
    RequestDecoder& on_new_stream(ResponseEncoder& response) override {
        encoder = &response;
        body.clear();
        return decoder;
    }
    void on_request_headers(HeaderMap& headers, Protocol, bool end_stream) {
        story += "<" + text_of(headers) + ">";
        if (headers.get(HeaderId::method).empty()) std::abort();
        const bool connect = headers.get(HeaderId::method) == "CONNECT";
        if (!connect && !headers.has(HeaderId::upgrade)) {
            if (end_stream) answer("200");
            return;
        }
        if (end_stream) std::abort();
        if (!accept_tunnels) return answer("403");
        tunnel = true;
        HeaderMap map;
        map.add_copy(HeaderId::status, connect ? "200" : "101");
        encoder->encode_headers(map, false, false);
    }
    void on_request_body(network::Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (!end_stream) return;
        if (!tunnel) return answer("200");
        story += "<tunnel " + body + ">";
        network::Buffer echo;
        echo.append(body);
        encoder->encode_body(echo, true);
    }
    void on_request_trailers(HeaderMap& trailers) {
        story += "<" + text_of(trailers) + ">";
        answer("200");
    }
    void on_stream_reset(StreamReset) {}
    void on_stream_complete(bool reusable) override {
        if (!reusable) connection->close_after_flush(std::chrono::milliseconds(0));
    }
    void on_codec_error(const CodecError& error) override {
        if (error.status < 400 || error.details.empty()) std::abort();
        story += "<!" + std::string(error.details) + ">";
        body.clear();
        answer("400");
    }
    void answer(const char* status) {
        story += "<" + std::to_string(body.size()) + ":" + body + ">";
        HeaderMap map;
        map.add_copy(HeaderId::status, status);
        network::Buffer data;
        data.append("answer");
        encoder->encode_headers(map, false, false);
        encoder->encode_body(data, true);
    }
};

struct Client : Transport, ClientCallbacks {
    ResponseForwarder<Client> decoder{*this};
    bool over = false;
    using Transport::Transport;
    void on_interim(uint16_t status, HeaderMap& headers) {
        story += "<" + std::to_string(status) + text_of(headers) + ">";
    }
    void on_response_headers(HeaderMap& headers, bool end_stream) {
        story += "<" + text_of(headers) + ">";
        if (end_stream) end();
    }
    void on_response_body(network::Buffer& data, bool end_stream) {
        body += data.to_string();
        data.clear();
        if (end_stream) end();
    }
    void on_response_trailers(HeaderMap& trailers) {
        story += "<" + text_of(trailers) + ">";
        end();
    }
    void end() {
        if (over) std::abort();
        over = true;
        story += "<" + std::to_string(body.size()) + ":" + body + ">";
    }
    void on_stream_reset(StreamReset reason) {
        if (over) std::abort();
        over = true;
        story += "<!" + std::string(name_of(reason)) + ">";
    }
    void on_request_flow(bool) {}
    // What follows a response is judged by when it arrives; the story ends here.
    void on_stream_complete(bool) override { connection->close(); }
    void on_protocol_error() override { connection->close(); }
};

std::string play(network::EventLoop& loop, uint8_t mode, std::string_view input, Cutter cutter) {
    Http1Settings settings;
    settings.enable_trailers = mode & 2;
    settings.accept_http10 = mode & 4;
    settings.allow_absolute_url = !(mode & 8);
    if (mode & 32) settings.max_headers_bytes = 256;
    if (mode & 64) settings.max_headers_count = 4;
    if (mode & 1) {
        Client client(loop);
        const auto codec = make_http1_client(*client.connection, client, settings);
        HeaderMap request;
        request.add_copy(HeaderId::method, mode & 128 ? "HEAD" : "GET");
        request.add_copy(HeaderId::path, "/");
        request.add_copy(HeaderId::authority, "a");
        const bool tunnel = mode & 16;
        if (tunnel) request.add_copy(HeaderId::upgrade, "websocket");
        RequestEncoder& encoder = codec->new_stream(client.decoder);
        encoder.encode_headers(request, !tunnel);
        // Before the response can end the connection: a request that waits to be written would be lost with it.
        client.connection->flush();
        client.drain();
        client.feed(*codec, input, cutter);
        if (!client.over && codec->on_end_of_stream()) {
            network::Buffer last;
            last.append("last");
            encoder.encode_body(last, true);
            client.drain();
        }
        if (!client.over) std::abort();
        return client.story + client.written;
    }
    if (mode & 128) settings.default_host_for_http10 = "default";
    Server server(loop);
    server.accept_tunnels = mode & 16;
    const auto codec = make_http1_server(*server.connection, server, settings);
    server.feed(*codec, input, cutter);
    if (!server.connection->closing()) codec->on_end_of_stream();
    codec->on_connection_closed();
    server.drain();
    return server.story + server.written;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static network::EventLoop loop;
    if (size < 2) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);
    const std::string whole = play(loop, data[0], input, Cutter{0});
    const std::string pieces = play(loop, data[0], input, Cutter{data[1] + 1u});
    if (whole != pieces) std::abort();
    return 0;
}
