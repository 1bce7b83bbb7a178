// SPDX-License-Identifier: Apache-2.0
// The downstream side of HTTP/2: many requests at a time.
#include <utility>

#include "proxy/http/http2_session.h"

namespace heirloom::http {
namespace {

class Http2Server;

class ServerStream final : public Http2Stream, public ResponseEncoder {
  public:
    void attach(Http2Server& server) { server_ = &server; }
    void give_back() override {
        decoder_ = nullptr;
        StreamPool<ServerStream>::give_back(this);
    }
    bool answered() const { return head_sent; }

    // ResponseEncoder
    void encode_interim(uint16_t status, const HeaderMap& interim) override;
    void encode_headers(const HeaderMap& response, bool end_stream, bool close_connection) override;
    void encode_body(network::Buffer& data, bool end_stream) override { send_body(data, end_stream); }
    void encode_trailers(const HeaderMap& map) override { send_trailers(map); }
    void reset(StreamReset reason) override;
    void forgo_request() override;
    BodyFlow& request_flow() override { return *this; }
    bool above_high_watermark() const override { return over_limit(); }

    // Http2Stream
    bool on_head(bool end_stream) override;
    void on_body(network::Buffer& data, bool end_stream) override {
        if (decoder_) decoder_->on_request_body(data, end_stream);
    }
    void on_trailers() override {
        if (decoder_) decoder_->on_request_trailers(trailers);
    }
    void on_flow(bool high) override {
        if (decoder_) high ? decoder_->on_response_flow_high() : decoder_->on_response_flow_low();
    }
    void on_complete() override {
        if (RequestDecoder* decoder = std::exchange(decoder_, nullptr)) decoder->on_stream_complete();
    }
    void on_reset(StreamReset reason) override;

  private:
    Http2Server* server_ = nullptr;
    RequestDecoder* decoder_ = nullptr;
};

class Http2Server final : public ServerCodec, public Http2Session {
  public:
    Http2Server(network::Connection& connection, ServerCallbacks& callbacks, const Http2Settings& settings,
                const Http2Stats* stats)
        : Http2Session(connection, settings, stats, Side::server), callbacks_(callbacks) {}

    // ServerCodec
    void dispatch() override { dispatch_input(); }
    void on_connection_closed() override { close_streams(StreamReset::connection_terminated); }
    void on_write_buffer_high() override {}
    void on_write_buffer_low() override { write_buffer_low(); }
    bool idle() const override { return open_count() == 0; }
    bool reading_head() const override { return collecting(); }
    Protocol protocol() const override { return Protocol::http2; }
    size_t open_streams() const override { return open_count(); }
    void start_draining() override;
    void finish_draining() override;

    ServerCallbacks& callbacks() { return callbacks_; }

  private:
    Http2Stream* make_stream(int32_t id) override {
        ServerStream* stream = StreamPool<ServerStream>::acquire();
        stream->attach(*this);
        return &open(*stream, id);
    }
    void on_stream_gone(Http2Stream&) override {
        if (!over()) callbacks_.on_stream_complete(!draining_);
    }
    void on_failed(std::string_view details) override { callbacks_.on_connection_error(details); }
    void on_goaway_received() override { callbacks_.on_goaway(); }
    std::string_view note_stream_end(const Http2Stream& stream) override {
        // By a reset, or by a frame that made the library reset it.
        const bool premature = !stream.reset_here && !stream.head_sent &&
                               now() - stream.start < settings().premature_reset_min_stream_lifetime;
        return limits().note_request_ended(premature);
    }

    ServerCallbacks& callbacks_;
    bool draining_ = false;
    bool notice_sent_ = false;
};

void Http2Server::start_draining() {
    if (over() || std::exchange(notice_sent_, true)) return;
    nghttp2_submit_shutdown_notice(library());
    wake();
}

void Http2Server::finish_draining() {
    if (over() || std::exchange(draining_, true)) return;
    submit_last_goaway();
    write_now();
}

bool ServerStream::on_head(bool end_stream) {
    if (!complete_request_head(headers)) return false;
    connect = read_connect(headers);
    head_received = true;
    if (end_stream) end_delivered = true;
    decoder_ = &server_->callbacks().on_new_stream(*this);
    decoder_->on_request_headers(headers, Protocol::http2, end_stream);
    return true;
}

void ServerStream::on_reset(StreamReset reason) {
    if (RequestDecoder* decoder = std::exchange(decoder_, nullptr)) return decoder->on_stream_reset(reason);
    if (head_received) return;
    server_->callbacks().on_broken_head(reason,
                                        oversized ? "http2.too_many_headers" : "http2.violation.of.messaging.rule");
}

void ServerStream::encode_interim(uint16_t status, const HeaderMap& interim) {
    // 101 does not exist here.
    if (head_sent || reset_here || closed || server_->over() || status < 100 || status >= 110 || status == 101) return;
    FieldList& fields = server_->field_list();
    list_interim(status, interim, fields);
    nghttp2_submit_headers(server_->library(), NGHTTP2_FLAG_NONE, id, nullptr, fields.data(), fields.size(), nullptr);
    server_->wake();
}

void ServerStream::encode_headers(const HeaderMap& response, bool end_stream, bool) {
    if (head_sent || reset_here || closed || server_->over()) return;
    FieldList& fields = server_->field_list();
    const uint16_t status = status_of(response);
    tunnel_open = connect && (status == 101 || status / 100 == 2);
    list_response(response, tunnel_open, fields);
    send_head(fields, end_stream);
}

void ServerStream::reset(StreamReset reason) {
    decoder_ = nullptr;
    uint32_t code = NGHTTP2_INTERNAL_ERROR;
    if (local_end_sent) code = NGHTTP2_NO_ERROR;
    if (reason == StreamReset::protocol_error) code = NGHTTP2_PROTOCOL_ERROR;
    if (reason == StreamReset::remote_refused) code = NGHTTP2_REFUSED_STREAM;
    send_reset(code);
}

void ServerStream::forgo_request() {
    if (!std::exchange(tunnel_open, false) || reset_here || closed || server_->over()) return;
    if (local_end_sent) server_->note_end_sent(*this);  // else when it is
    server_->wake();
}

}  // namespace

std::unique_ptr<ServerCodec> make_http2_server(network::Connection& connection, ServerCallbacks& callbacks,
                                               const Http2Settings& settings, const Http2Stats* stats) {
    return std::make_unique<Http2Server>(connection, callbacks, settings, stats);
}

}  // namespace heirloom::http
