// SPDX-License-Identifier: Apache-2.0
// The upstream side of HTTP/2: many requests at a time, as many as the peer allows.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "proxy/http/http2_session.h"

namespace heirloom::http {
namespace {

class Http2Client;

class ClientStream final : public Http2Stream, public RequestEncoder {
  public:
    void attach(Http2Client& client, ResponseDecoder& decoder) {
        client_ = &client;
        decoder_ = &decoder;
    }
    void give_back() override {
        decoder_ = nullptr;
        waiting_head_.reset();
        StreamPool<ClientStream>::give_back(this);
    }
    // The peer's SETTINGS are here.
    void send_waiting_head();

    // RequestEncoder
    void encode_headers(const HeaderMap& request, bool end_stream) override;
    void encode_body(network::Buffer& data, bool end_stream) override {
        send_body(data, end_stream);
        complete_if_over();
    }
    void encode_trailers(const HeaderMap& map) override {
        send_trailers(map);
        complete_if_over();
    }
    void reset(StreamReset reason) override;
    BodyFlow& response_flow() override { return *this; }

    // Http2Stream
    bool on_head(bool end_stream) override;
    void on_body(network::Buffer& data, bool end_stream) override {
        if (decoder_) decoder_->on_response_body(data, end_stream);
        if (end_stream) complete_if_over();
    }
    void on_trailers() override {
        if (decoder_) decoder_->on_response_trailers(trailers);
        complete_if_over();
    }
    void on_flow(bool high) override {
        if (decoder_) high ? decoder_->on_request_flow_high() : decoder_->on_request_flow_low();
    }
    void on_complete() override {
        if (ResponseDecoder* decoder = end_exchange()) decoder->on_stream_complete();
    }
    void on_reset(StreamReset reason) override {
        if (ResponseDecoder* decoder = end_exchange()) decoder->on_stream_reset(reason);
    }

  private:
    void send_request_head(const HeaderMap& request, bool end_stream);
    // Both sides have said all: nobody waits for the last bytes to leave.
    void complete_if_over() {
        if (end_delivered && local_ended) on_complete();
    }

    // Whom to tell of it; null: nobody any more.
    ResponseDecoder* end_exchange();

    std::string upgrade_;                      // what was asked for
    std::unique_ptr<HeaderMap> waiting_head_;  // of an upgrade: waits for SETTINGS
    bool waiting_end_ = false;
    Http2Client* client_ = nullptr;
    ResponseDecoder* decoder_ = nullptr;
};

class Http2Client final : public ClientCodec, public Http2Session {
  public:
    Http2Client(network::Connection& connection, ClientCallbacks& callbacks, const Http2Settings& settings,
                const Http2Stats* stats)
        : Http2Session(connection, settings, stats, Side::client), callbacks_(callbacks) {}

    // ClientCodec
    RequestEncoder& new_stream(ResponseDecoder& decoder) override {
        ClientStream* stream = StreamPool<ClientStream>::acquire();
        stream->attach(*this, decoder);
        open(*stream, -1);
        ++exchanges_;
        note_new_stream();
        return *stream;
    }
    void dispatch() override { dispatch_input(); }
    bool on_end_of_stream() override { return false; }  // the end of the connection tells the streams
    void on_connection_closed(StreamReset reason) override { close_streams(reason); }
    void on_write_buffer_high() override {}
    void on_write_buffer_low() override { write_buffer_low(); }
    size_t open_streams() const override { return open_count(); }
    size_t exchanges() const override { return exchanges_; }
    size_t max_streams() const override {
        if (goaway_ || over()) return 0;
        const uint32_t peer = nghttp2_session_get_remote_settings(library(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        return std::min(peer, settings().max_concurrent_streams);
    }

    // RFC 8441, 3: extended CONNECT only to a peer that has offered it.
    bool settings_known() const { return settings_known_; }
    bool may_connect() const {
        return nghttp2_session_get_remote_settings(library(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
    }
    void note_head_waits() { heads_wait_ = true; }

    // For streams. The pool hears of it when the work at hand is done: this may be in the middle of the owner's.
    void note_exchange_end() {
        --exchanges_;
        exchange_ended_ = true;
        wake();
    }

  private:
    Http2Stream* make_stream(int32_t) override { return nullptr; }  // a server opens none: push is off
    void on_stream_gone(Http2Stream&) override {
        exchange_ended_ = false;
        if (!over()) callbacks_.on_stream_complete(!goaway_);
    }
    // Of those whose stream is still there.
    void on_work_done() override {
        if (std::exchange(exchange_ended_, false)) callbacks_.on_stream_complete(!goaway_);
    }
    void on_failed(std::string_view) override { callbacks_.on_protocol_error(); }
    void on_goaway_received() override {
        if (!std::exchange(goaway_, true)) callbacks_.on_goaway();
    }
    void on_settings_received() override;

    ClientCallbacks& callbacks_;
    size_t exchanges_ = 0;
    bool exchange_ended_ = false;
    bool goaway_ = false;
    bool settings_known_ = false;
    bool heads_wait_ = false;
};

void Http2Client::on_settings_received() {
    settings_known_ = true;
    if (std::exchange(heads_wait_, false)) {
        for (Http2Stream* stream = first_open(); stream; stream = stream->next) {
            static_cast<ClientStream*>(stream)->send_waiting_head();
        }
    }
    callbacks_.on_max_streams_changed();
}

ResponseDecoder* ClientStream::end_exchange() {
    if (decoder_) client_->note_exchange_end();
    return std::exchange(decoder_, nullptr);
}

void ClientStream::encode_headers(const HeaderMap& request, bool end_stream) {
    if (head_sent || reset_here || client_->over()) return;
    upgrade_ = request.get(HeaderId::upgrade);
    connect = !upgrade_.empty() || request.get(HeaderId::method) == "CONNECT";
    if (upgrade_.empty() || client_->may_connect()) return send_request_head(request, end_stream);
    waiting_head_ = std::make_unique<HeaderMap>();
    for (const HeaderField& field : request.fields()) {
        if (field.removed) continue;
        waiting_head_->add_copy(field.name, field.value);
        waiting_head_->fields().back().never_indexed = field.never_indexed;
    }
    waiting_end_ = end_stream;
    client_->settings_known() ? send_waiting_head() : client_->note_head_waits();
}

void ClientStream::send_request_head(const HeaderMap& request, bool end_stream) {
    FieldList& fields = client_->field_list();
    list_request(request, client_->settings().secure, fields);
    send_head(fields, end_stream);
}

void ClientStream::send_waiting_head() {
    if (!waiting_head_ || reset_here) return;
    const std::unique_ptr<HeaderMap> request = std::move(waiting_head_);
    if (client_->may_connect()) return send_request_head(*request, waiting_end_);
    no_connect = true;
    client_->refuse_later(*this);  // the caller is in the middle of its own work
}

void ClientStream::reset(StreamReset reason) {
    end_exchange();
    send_reset(reason == StreamReset::protocol_error ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_CANCEL);
}

bool ClientStream::on_head(bool end_stream) {
    const uint16_t status = status_of(headers);
    if (status < 200) {
        if (end_stream || status < 100) return false;
        if (decoder_) decoder_->on_interim(status, headers);
        headers.clear();
        return true;
    }
    if (connect) tunnel_open = read_connect_response(headers, upgrade_);
    head_received = true;
    if (end_stream) end_delivered = true;
    if (decoder_) decoder_->on_response_headers(headers, end_stream);
    if (end_stream) complete_if_over();
    return true;
}

}  // namespace

std::unique_ptr<ClientCodec> make_http2_client(network::Connection& connection, ClientCallbacks& callbacks,
                                               const Http2Settings& settings, const Http2Stats* stats) {
    return std::make_unique<Http2Client>(connection, callbacks, settings, stats);
}

}  // namespace heirloom::http
