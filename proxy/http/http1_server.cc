// SPDX-License-Identifier: Apache-2.0
// The downstream side: one request at a time, its response beside it on the same connection.
#include <algorithm>

#include "proxy/http/http1_chars.h"
#include "proxy/http/http1_codec.h"
#include "proxy/http/http1_side.h"
#include "proxy/http/status.h"

namespace heirloom::http {
namespace {

bool names_h2c(std::string_view list) {
    constexpr std::string_view kName = "h2c";
    const auto same = [](char a, char b) { return (a | 0x20) == b; };
    return std::search(list.begin(), list.end(), kName.begin(), kName.end(), same) != list.end();
}

constexpr size_t kBacklogLimit = 64 * 1024;  // bytes read ahead while a response is under way
constexpr std::chrono::milliseconds kNoLinger{0};

class Http1Server final : public ServerCodec, public ResponseEncoder, private Http1Side<Http1Server> {
  public:
    Http1Server(network::Connection& connection, ServerCallbacks& callbacks, const Http1Settings& settings)
        : Http1Side(connection, settings), callbacks_(callbacks) {}

    // ServerCodec
    void dispatch() override { run(); }
    bool on_end_of_stream() override;
    void on_connection_closed() override;
    void on_write_buffer_high() override {}  // the connection manager tells the stream itself
    void on_write_buffer_low() override;
    bool idle() const override { return !exchange_ && connection_.read_buffer().empty(); }
    bool reading_head() const override { return in_ == Incoming::head; }
    Protocol protocol() const override { return protocol_; }

    // ResponseEncoder
    void encode_interim(uint16_t status, const HeaderMap& headers) override;
    void encode_headers(const HeaderMap& headers, bool end_stream, bool close_connection) override;
    void encode_body(network::Buffer& data, bool end_stream) override { write_body(data, end_stream); }
    void encode_trailers(const HeaderMap& trailers) override { write_trailers(trailers); }
    void reset(StreamReset reason) override;
    BodyFlow& request_flow() override { return *this; }
    bool above_high_watermark() const override { return connection_.above_high_watermark(); }

  private:
    friend class Http1Side<Http1Server>;

    bool step();
    bool read_head();
    bool begin_request();
    bool asks_for_tunnel();
    bool wait_for_response();
    bool answers_pile_up();
    bool receiving() const { return decoder_ && out_ != Outgoing::complete; }
    void take_body(network::Buffer& body, bool end_stream) { decoder_->on_request_body(body, end_stream); }
    void take_trailers() { decoder_->on_request_trailers(exchange_->trailers); }
    bool refuse(const CodecError& error);
    void complete_stream();
    void message_written(bool end);
    BodyFraming choose_framing(const HeaderMap& headers, bool end_stream, uint16_t status, uint64_t& length);

    bool opens_tunnel(uint16_t status) const;

    ServerCallbacks& callbacks_;
    RequestDecoder* decoder_ = nullptr;
    Protocol protocol_ = Protocol::http11;
    bool backlog_paused_ = false;
    bool tunnel_asked_ = false;
};

// One piece of progress; false when there is none without more bytes or a response.
bool Http1Server::step() {
    if (finished_ || connection_.closing()) return false;
    if (exchange_ && out_ == Outgoing::complete && !half_open()) {
        complete_stream();
        return !finished_;
    }
    switch (in_) {
        case Incoming::none:
            if (connection_.read_buffer().empty() || answers_pile_up()) return false;
            begin_exchange(HeadParser::Kind::request);
            return true;
        case Incoming::head:
            return read_head();
        case Incoming::body:
            return pauses_ == 0 && read_body();
        case Incoming::trailers:
            return pauses_ == 0 && read_trailers();
        case Incoming::complete:
            return wait_for_response();
        case Incoming::refused:
            connection_.read_buffer().clear();
            return false;
    }
    return false;
}

// A client that pipelines and takes no answers: what waits for it is bounded by the buffer limit of its connection.
bool Http1Server::answers_pile_up() {
    if (connection_.pending_write_bytes() > kBacklogLimit) connection_.flush();
    if (finished_ || connection_.closing()) return true;
    if (connection_.above_high_watermark() && !std::exchange(backlog_paused_, true)) connection_.set_reading(false);
    return backlog_paused_;
}

void Http1Server::on_write_buffer_low() {
    if (!exchange_ && std::exchange(backlog_paused_, false)) connection_.set_reading(true);
}

bool Http1Server::read_head() {
    switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->headers)) {
        case HeadParser::Progress::incomplete:
            return false;
        case HeadParser::Progress::failed: {
            const CodecError error = exchange_->parser.error();
            exchange_->headers.clear();
            callbacks_.on_new_stream(*this);
            return refuse(error);
        }
        case HeadParser::Progress::complete:
            return begin_request();
    }
    return false;
}

bool Http1Server::begin_request() {
    const MessageHead& head = exchange_->parser.head();
    protocol_ = head.protocol;
    close_ = close_ || !head.keep_alive();
    tunnel_asked_ = head.connect || (exchange_->headers.has(HeaderId::upgrade) && asks_for_tunnel());
    if (tunnel_asked_) {
        exchange_->decoder.start_until_close();
    } else if (head.chunked) {
        exchange_->decoder.start_chunked();
    } else {
        exchange_->decoder.start_length(head.content_length);
    }
    const bool end_stream = !head.chunked && head.content_length == 0 && !tunnel_asked_;
    in_ = end_stream ? Incoming::complete : Incoming::body;
    decoder_ = &callbacks_.on_new_stream(*this);
    decoder_->on_request_headers(exchange_->headers, protocol_, end_stream);
    return true;
}

// An upgrade that cannot be is ignored, as a server may: HTTP/1.0, h2c (RFC 9113 3.1), and behind a body, where nobody
// could tell from outside when the tunnel begins.
bool Http1Server::asks_for_tunnel() {
    const MessageHead& head = exchange_->parser.head();
    HeaderMap& headers = exchange_->headers;
    const bool possible = head.connection_upgrade && head.protocol == Protocol::http11 && !head.chunked &&
                          head.content_length == 0 && !names_h2c(headers.get(HeaderId::upgrade));
    if (!possible) headers.remove(HeaderId::upgrade);
    return possible;
}

// Pipelined requests wait in the read buffer; when there are many, in the socket.
bool Http1Server::wait_for_response() {
    if (!backlog_paused_ && connection_.read_buffer().size() > kBacklogLimit) {
        backlog_paused_ = true;
        connection_.set_reading(false);
    }
    return false;
}

bool Http1Server::refuse(const CodecError& error) {
    in_ = Incoming::refused;
    decoder_ = nullptr;
    close_ = true;
    exchange_->body.clear();
    callbacks_.on_codec_error(error);
    return true;
}

void Http1Server::complete_stream() {
    const bool reusable = in_ == Incoming::complete && !close_;
    decoder_ = nullptr;
    if (!reusable) finished_ = true;
    if (!finished_ && (pauses_ > 0 || backlog_paused_)) connection_.set_reading(true);
    pauses_ = 0;
    backlog_paused_ = false;
    in_ = Incoming::none;
    out_ = Outgoing::none;
    // The headers stay readable while the owner looks at the end of the stream.
    const ExchangePtr ended = std::move(exchange_);
    callbacks_.on_stream_complete(reusable);
}

bool Http1Server::on_end_of_stream() {
    if (!tunnel_ || finished_) return false;
    if (in_ == Incoming::body) {
        busy_ = true;
        end_body();
        busy_ = false;
        run();
    }
    return true;
}

void Http1Server::on_connection_closed() {
    finished_ = true;
    if (RequestDecoder* decoder = std::exchange(decoder_, nullptr)) {
        decoder->on_stream_reset(StreamReset::connection_terminated);
    }
    if (!busy_) exchange_.reset();
}

void Http1Server::message_written(bool end) {
    if (busy_) return;
    if (!end) {
        connection_.flush_later();
        return;
    }
    connection_.flush();
    if (!exchange_ || finished_ || half_open()) return;
    // Guarded like dispatch(), which the owner is likely to call now.
    busy_ = true;
    complete_stream();
    busy_ = false;
    if (std::exchange(again_, false)) dispatch();
}

void Http1Server::encode_interim(uint16_t status, const HeaderMap& headers) {
    if (protocol_ != Protocol::http11 || out_ != Outgoing::none || finished_) return;
    HeadWriter writer(connection_.write_buffer(), headers, kHeadExtra);
    writer.put("HTTP/1.1 ");
    writer.put_status(status);
    writer.put(" ");
    writer.put(reason_phrase(status));
    writer.put("\r\n");
    writer.put_fields(headers);
    format_names(writer, headers);
    writer.finish();
    if (!busy_) connection_.flush();
}

bool Http1Server::opens_tunnel(uint16_t status) const {
    if (!tunnel_asked_) return false;
    return exchange_->parser.head().connect ? status / 100 == 2 : status == 101;
}

BodyFraming Http1Server::choose_framing(const HeaderMap& headers, bool end_stream, uint16_t status, uint64_t& length) {
    const bool has_length = read_content_length(headers, length);
    if (status < 200 || status == 204) return BodyFraming::none;
    if (status == 304 || exchange_->parser.head().head_request) return BodyFraming::none;
    if (end_stream) {
        length = 0;
        return BodyFraming::length;
    }
    if (has_length) return BodyFraming::length;
    return protocol_ == Protocol::http11 ? BodyFraming::chunked : BodyFraming::until_close;
}

void Http1Server::encode_headers(const HeaderMap& headers, bool end_stream, bool close_connection) {
    if (finished_ || !exchange_ || out_ != Outgoing::none) return;
    out_ = Outgoing::body;
    const std::string_view digits = headers.get(HeaderId::status);
    uint16_t status = 0;
    for (const char c : digits.substr(0, 3)) status = static_cast<uint16_t>(status * 10 + (c - '0'));
    uint64_t length = 0;
    const bool tunnel = opens_tunnel(status);
    const BodyFraming framing = tunnel ? BodyFraming::until_close : choose_framing(headers, end_stream, status, length);
    exchange_->encoder.start(framing, length);
    if (tunnel) {
        open_tunnel();
    } else if (close_connection || framing == BodyFraming::until_close || in_ != Incoming::complete) {
        close_ = true;
    }

    std::string_view reason = reason_phrase(status);
    if (headers.written() && !headers.written()->reason.empty()) reason = headers.written()->reason;
    HeadWriter writer(connection_.write_buffer(), headers, kHeadExtra + reason.size());
    writer.put(protocol_ == Protocol::http10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    writer.put_status(status);
    writer.put(" ");
    writer.put(reason);
    writer.put("\r\n");
    writer.put_fields(headers);
    if (framing == BodyFraming::length) {
        if (end_stream) {
            writer.put("content-length: 0\r\n");
        } else {
            writer.put_line("content-length", headers.get(HeaderId::content_length));
        }
    } else if (framing == BodyFraming::chunked) {
        writer.put("transfer-encoding: chunked\r\n");
    } else if (framing == BodyFraming::none && status >= 200 && status != 204) {
        // HEAD and 304 tell the length of the body they do not have.
        if (uint64_t told = 0; read_content_length(headers, told)) {
            writer.put_line("content-length", headers.get(HeaderId::content_length));
        }
    }
    if (tunnel) {
        if (status == 101) writer.put("connection: Upgrade\r\n");
    } else if (close_) {
        writer.put("connection: close\r\n");
    } else if (protocol_ == Protocol::http10) {
        writer.put("connection: keep-alive\r\n");
    }
    write_head_end(writer, headers, end_stream);
}

void Http1Server::reset(StreamReset) {
    // HTTP/1 has no other way to take a message back than to end the connection in the middle of it.
    decoder_ = nullptr;
    finished_ = true;
    connection_.close_after_flush(kNoLinger);
}

}  // namespace

std::unique_ptr<ServerCodec> make_http1_server(network::Connection& connection, ServerCallbacks& callbacks,
                                               const Http1Settings& settings) {
    return std::make_unique<Http1Server>(connection, callbacks, settings);
}

}  // namespace heirloom::http
