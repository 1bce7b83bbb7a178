// SPDX-License-Identifier: Apache-2.0
// The downstream side: one request at a time, its response beside it on the same connection.
#include <algorithm>

#include "proxy/http/http1_chars.h"
#include "proxy/http/http1_codec.h"
#include "proxy/http/http1_exchange.h"
#include "proxy/http/status.h"

namespace heirloom::http {
namespace {

constexpr size_t kBacklogLimit = 64 * 1024;  // bytes read ahead while a response is under way
constexpr size_t kHeadExtra = 160;           // status line and the framing lines
constexpr std::chrono::milliseconds kNoLinger{0};

class Http1Server final : public ServerCodec, public ResponseEncoder, public BodyFlow {
  public:
    Http1Server(network::Connection& connection, ServerCallbacks& callbacks, const Http1Settings& settings)
        : connection_(connection), callbacks_(callbacks), settings_(settings) {}

    // ServerCodec
    void dispatch() override;
    void on_connection_closed() override;
    void on_write_buffer_high() override {}  // the connection manager tells the stream itself
    void on_write_buffer_low() override {}
    bool idle() const override { return !exchange_ && connection_.read_buffer().empty(); }
    Protocol protocol() const override { return protocol_; }

    // ResponseEncoder
    void encode_interim(uint16_t status, const HeaderMap& headers) override;
    void encode_headers(const HeaderMap& headers, bool end_stream, bool close_connection) override;
    void encode_body(network::Buffer& data, bool end_stream) override;
    void encode_trailers(const HeaderMap& trailers) override;
    void reset(StreamReset reason) override;
    BodyFlow& request_flow() override { return *this; }
    bool above_high_watermark() const override { return connection_.above_high_watermark(); }

    // BodyFlow
    void pause_reading() override;
    void resume_reading() override;

  private:
    enum class Request : uint8_t { none, head, body, trailers, complete, refused };
    enum class Response : uint8_t { none, body, complete };

    bool step();
    bool read_head();
    bool begin_request();
    bool read_body();
    bool read_trailers();
    bool wait_for_response();
    bool fail(const CodecError& error);
    void complete_stream();
    void written(bool end_of_message);
    void end_response(const HeaderMap* trailers);
    BodyFraming choose_framing(const HeaderMap& headers, bool end_stream, uint16_t status, uint64_t& length);

    network::Connection& connection_;
    ServerCallbacks& callbacks_;
    const Http1Settings settings_;
    ExchangePtr exchange_;
    RequestDecoder* decoder_ = nullptr;
    Request request_ = Request::none;
    Response response_ = Response::none;
    Protocol protocol_ = Protocol::http11;
    bool close_ = false;     // no further request on this connection
    bool finished_ = false;  // the connection is over for this codec
    bool busy_ = false;      // inside dispatch(): what is written leaves when it ends
    bool again_ = false;     // dispatch() was called meanwhile
    bool backlog_paused_ = false;
    uint32_t pauses_ = 0;
};

void Http1Server::dispatch() {
    if (busy_) {
        again_ = true;
        return;
    }
    busy_ = true;
    do {
        again_ = false;
        while (step()) {
        }
    } while (again_);
    busy_ = false;
    if (!connection_.write_buffer().empty()) connection_.flush();
}

// One piece of progress; false when there is none without more bytes or a response.
bool Http1Server::step() {
    if (finished_ || connection_.closing()) return false;
    if (exchange_ && response_ == Response::complete) {
        complete_stream();
        return !finished_;
    }
    switch (request_) {
        case Request::none:
            if (connection_.read_buffer().empty()) return false;
            exchange_ = acquire_exchange();
            exchange_->parser.start(HeadParser::Kind::request, settings_);
            request_ = Request::head;
            return true;
        case Request::head:
            return read_head();
        case Request::body:
            return pauses_ == 0 && read_body();
        case Request::trailers:
            return pauses_ == 0 && read_trailers();
        case Request::complete:
            return wait_for_response();
        case Request::refused:
            connection_.read_buffer().clear();
            return false;
    }
    return false;
}

bool Http1Server::read_head() {
    switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->headers)) {
        case HeadParser::Progress::incomplete:
            return false;
        case HeadParser::Progress::failed: {
            const CodecError error = exchange_->parser.error();
            exchange_->headers.clear();
            callbacks_.on_new_stream(*this);
            return fail(error);
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
    if (head.chunked) {
        exchange_->decoder.start_chunked();
    } else {
        exchange_->decoder.start_length(head.content_length);
    }
    const bool end_stream = !head.chunked && head.content_length == 0;
    request_ = end_stream ? Request::complete : Request::body;
    if (head.expect_continue && !settings_.proxy_100_continue) {
        exchange_->headers.remove(HeaderId::expect);
        if (!end_stream && protocol_ == Protocol::http11) {
            connection_.write_buffer().append("HTTP/1.1 100 Continue\r\n\r\n");
        }
    }
    decoder_ = &callbacks_.on_new_stream(*this);
    decoder_->on_request_headers(exchange_->headers, protocol_, end_stream);
    return true;
}

bool Http1Server::read_body() {
    network::Buffer& input = connection_.read_buffer();
    if (input.empty()) return false;
    network::Buffer& body = exchange_->body;
    switch (exchange_->decoder.decode(input, body)) {
        case BodyDecoder::Progress::incomplete:
            if (!body.empty()) decoder_->on_request_body(body, false);
            body.clear();
            return !input.empty();
        case BodyDecoder::Progress::complete:
            request_ = Request::complete;
            decoder_->on_request_body(body, true);
            body.clear();
            return true;
        case BodyDecoder::Progress::trailers:
            // What was decoded stays in `body`: when the trailers are here too, it goes out as the last piece.
            exchange_->parser.start(HeadParser::Kind::trailers, settings_);
            request_ = Request::trailers;
            return true;
        case BodyDecoder::Progress::failed:
            return fail({400, "http1.codec_error"});
    }
    return false;
}

bool Http1Server::read_trailers() {
    network::Buffer& body = exchange_->body;
    switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->trailers)) {
        case HeadParser::Progress::incomplete:
            if (!body.empty()) decoder_->on_request_body(body, false);
            body.clear();
            return false;
        case HeadParser::Progress::failed:
            return fail(exchange_->parser.error());
        case HeadParser::Progress::complete:
            break;
    }
    const bool forward = settings_.enable_trailers && !exchange_->trailers.empty();
    if (!forward) {
        request_ = Request::complete;
        decoder_->on_request_body(body, true);
    } else {
        if (!body.empty()) decoder_->on_request_body(body, false);
        // The answer may have been given on that last piece.
        if (decoder_ && response_ != Response::complete) {
            request_ = Request::complete;
            decoder_->on_request_trailers(exchange_->trailers);
        }
    }
    body.clear();
    return true;
}

// Pipelined requests wait in the read buffer; when there are many, in the socket.
bool Http1Server::wait_for_response() {
    if (!backlog_paused_ && connection_.read_buffer().size() > kBacklogLimit) {
        backlog_paused_ = true;
        connection_.set_reading(false);
    }
    return false;
}

bool Http1Server::fail(const CodecError& error) {
    request_ = Request::refused;
    decoder_ = nullptr;
    close_ = true;
    exchange_->body.clear();
    callbacks_.on_codec_error(error);
    return true;
}

void Http1Server::complete_stream() {
    const bool reusable = request_ == Request::complete && !close_;
    decoder_ = nullptr;
    if (!reusable) finished_ = true;
    if (!finished_ && (pauses_ > 0 || backlog_paused_)) connection_.set_reading(true);
    pauses_ = 0;
    backlog_paused_ = false;
    request_ = Request::none;
    response_ = Response::none;
    // The headers stay readable while the owner looks at the end of the stream.
    const ExchangePtr ended = std::move(exchange_);
    callbacks_.on_stream_complete(reusable);
}

void Http1Server::on_connection_closed() {
    finished_ = true;
    if (RequestDecoder* decoder = std::exchange(decoder_, nullptr)) {
        decoder->on_stream_reset(StreamReset::connection_terminated);
    }
    if (!busy_) exchange_.reset();
}

void Http1Server::written(bool end_of_message) {
    if (busy_) return;
    if (!end_of_message) {
        connection_.flush_later();
        return;
    }
    connection_.flush();
    if (!exchange_ || finished_) return;
    // Guarded like dispatch(), which the owner is likely to call now.
    busy_ = true;
    complete_stream();
    busy_ = false;
    if (std::exchange(again_, false)) dispatch();
}

void Http1Server::encode_interim(uint16_t status, const HeaderMap& headers) {
    if (protocol_ != Protocol::http11 || response_ != Response::none || finished_) return;
    HeadWriter writer(connection_.write_buffer(), headers, kHeadExtra);
    writer.put("HTTP/1.1 ");
    writer.put_status(status);
    writer.put(" ");
    writer.put(reason_phrase(status));
    writer.put("\r\n");
    writer.put_fields(headers);
    writer.finish();
    if (!busy_) connection_.flush();
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
    if (finished_ || !exchange_ || response_ != Response::none) return;
    response_ = Response::body;
    const std::string_view digits = headers.get(HeaderId::status);
    uint16_t status = 0;
    for (const char c : digits.substr(0, 3)) status = static_cast<uint16_t>(status * 10 + (c - '0'));
    uint64_t length = 0;
    const BodyFraming framing = choose_framing(headers, end_stream, status, length);
    exchange_->encoder.start(framing, length);
    if (close_connection || framing == BodyFraming::until_close || request_ != Request::complete) close_ = true;

    HeadWriter writer(connection_.write_buffer(), headers, kHeadExtra);
    writer.put(protocol_ == Protocol::http10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    writer.put_status(status);
    writer.put(" ");
    writer.put(reason_phrase(status));
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
    if (close_) {
        writer.put("connection: close\r\n");
    } else if (protocol_ == Protocol::http10) {
        writer.put("connection: keep-alive\r\n");
    }
    writer.finish();
    if (end_stream) {
        end_response(nullptr);
    } else {
        written(false);
    }
}

void Http1Server::encode_body(network::Buffer& data, bool end_stream) {
    if (finished_ || response_ != Response::body) {
        data.clear();
        return;
    }
    exchange_->encoder.encode(data, connection_.write_buffer());
    if (end_stream) {
        end_response(nullptr);
    } else {
        written(false);
    }
}

void Http1Server::encode_trailers(const HeaderMap& trailers) {
    if (finished_ || response_ != Response::body) return;
    end_response(settings_.enable_trailers ? &trailers : nullptr);
}

void Http1Server::end_response(const HeaderMap* trailers) {
    if (!exchange_->encoder.finish(connection_.write_buffer(), trailers)) close_ = true;
    response_ = Response::complete;
    written(true);
}

void Http1Server::reset(StreamReset) {
    // HTTP/1 has no other way to take a message back than to end the connection in the middle of it.
    decoder_ = nullptr;
    finished_ = true;
    connection_.close_after_flush(kNoLinger);
}

void Http1Server::pause_reading() {
    if (++pauses_ == 1) connection_.set_reading(false);
}

void Http1Server::resume_reading() {
    // on_data() follows from the loop when bytes are waiting.
    if (pauses_ > 0 && --pauses_ == 0) connection_.set_reading(true);
}

}  // namespace

std::unique_ptr<ServerCodec> make_http1_server(network::Connection& connection, ServerCallbacks& callbacks,
                                               const Http1Settings& settings) {
    return std::make_unique<Http1Server>(connection, callbacks, settings);
}

}  // namespace heirloom::http
