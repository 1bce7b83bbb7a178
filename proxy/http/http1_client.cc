// SPDX-License-Identifier: Apache-2.0
// The upstream side: one request and its response at a time.
#include "proxy/http/http1_codec.h"
#include "proxy/http/http1_side.h"

namespace heirloom::http {
namespace {

class Http1Client final : public ClientCodec, public RequestEncoder, private Http1Side<Http1Client> {
  public:
    Http1Client(network::Connection& connection, ClientCallbacks& callbacks, const Http1Settings& settings)
        : Http1Side(connection, own_settings_), own_settings_(settings), callbacks_(callbacks) {}

    // ClientCodec
    RequestEncoder& new_stream(ResponseDecoder& decoder) override;
    void dispatch() override { run(); }
    bool on_end_of_stream() override;
    void on_connection_closed(StreamReset reason) override;
    void on_write_buffer_high() override {
        if (decoder_) decoder_->on_request_flow_high();
    }
    void on_write_buffer_low() override {
        if (decoder_) decoder_->on_request_flow_low();
    }
    size_t open_streams() const override { return exchange_ ? 1 : 0; }

    // RequestEncoder
    void encode_headers(const HeaderMap& headers, bool end_stream) override;
    void encode_body(network::Buffer& data, bool end_stream) override { write_body(data, end_stream); }
    void encode_trailers(const HeaderMap& trailers) override { write_trailers(trailers); }
    void reset(StreamReset reason) override;
    BodyFlow& response_flow() override { return *this; }

  private:
    friend class Http1Side<Http1Client>;

    bool step();
    bool read_head();
    bool take_interim();
    bool begin_response();
    bool begin_tunnel();
    bool receiving() const { return decoder_ != nullptr; }
    void take_body(network::Buffer& body, bool end_stream) { decoder_->on_response_body(body, end_stream); }
    void take_trailers() { decoder_->on_response_trailers(exchange_->trailers); }
    bool refuse(const CodecError&) {
        fail();
        return false;
    }
    void fail();
    void complete_stream();
    void message_written(bool end);

    const Http1Settings own_settings_;
    ClientCallbacks& callbacks_;
    ResponseDecoder* decoder_ = nullptr;
    bool head_request_ = false;
    bool upgrade_asked_ = false;
    bool connect_asked_ = false;
};

RequestEncoder& Http1Client::new_stream(ResponseDecoder& decoder) {
    decoder_ = &decoder;
    begin_exchange(HeadParser::Kind::response);
    pauses_ = 0;
    return *this;
}

bool Http1Client::step() {
    if (finished_ || connection_.closing()) return false;
    switch (in_) {
        case Incoming::none:
            if (connection_.read_buffer().empty()) return false;
            fail();  // nobody asked
            return false;
        case Incoming::head:
            return read_head();
        case Incoming::body:
            return pauses_ == 0 && read_body();
        case Incoming::trailers:
            return pauses_ == 0 && read_trailers();
        case Incoming::complete:
            if (half_open()) return false;
            complete_stream();
            return true;
        case Incoming::refused:  // never of a response
            break;
    }
    return false;
}

bool Http1Client::read_head() {
    switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->headers)) {
        case HeadParser::Progress::incomplete:
            return false;
        case HeadParser::Progress::failed:
            fail();
            return false;
        case HeadParser::Progress::complete:
            return exchange_->parser.head().status < 200 ? take_interim() : begin_response();
    }
    return false;
}

bool Http1Client::take_interim() {
    const uint16_t status = exchange_->parser.head().status;
    if (status == 101 && upgrade_asked_) return begin_tunnel();
    if (status == 101 || out_ == Outgoing::none) {
        fail();  // no upgrade was asked for, or no request
        return false;
    }
    decoder_->on_interim(status, exchange_->headers);
    if (finished_) return false;
    exchange_->headers.clear();
    exchange_->parser.start(HeadParser::Kind::response, settings_);
    return true;
}

bool Http1Client::begin_response() {
    if (out_ == Outgoing::none) {
        fail();
        return false;
    }
    const MessageHead& head = exchange_->parser.head();
    if (connect_asked_ && head.status / 100 == 2) return begin_tunnel();
    // Answered otherwise: what the client meant for the tunnel would be read as a request.
    if (out_ == Outgoing::waiting) out_ = Outgoing::complete;
    close_ = close_ || !head.keep_alive();
    BodyDecoder& body = exchange_->decoder;
    bool end_stream = false;
    if (head_request_ || head.status == 204 || head.status == 304) {
        body.start_none();
        end_stream = true;
    } else if (head.chunked) {
        body.start_chunked();
    } else if (head.has_content_length) {
        body.start_length(head.content_length);
        end_stream = head.content_length == 0;
    } else {
        body.start_until_close();
        close_ = true;
    }
    in_ = end_stream ? Incoming::complete : Incoming::body;
    decoder_->on_response_headers(exchange_->headers, end_stream);
    return true;
}

bool Http1Client::begin_tunnel() {
    open_tunnel();
    exchange_->decoder.start_until_close();
    in_ = Incoming::body;
    // Fields of a body mean nothing here (RFC 9110 9.3.6).
    exchange_->headers.remove(HeaderId::content_length);
    if (out_ == Outgoing::complete) {
        connection_.finish_writing();
    } else {
        out_ = Outgoing::body;
    }
    decoder_->on_response_headers(exchange_->headers, false);
    return true;
}

void Http1Client::fail() {
    finished_ = true;
    in_ = Incoming::none;
    if (ResponseDecoder* decoder = std::exchange(decoder_, nullptr))
        decoder->on_stream_reset(StreamReset::protocol_error);
    callbacks_.on_protocol_error();
}

void Http1Client::complete_stream() {
    // Bytes behind the response belong to nothing: the next response could not be trusted.
    const bool reusable = out_ == Outgoing::complete && !close_ && connection_.read_buffer().empty();
    decoder_ = nullptr;
    if (!reusable) finished_ = true;
    if (!finished_ && pauses_ > 0) connection_.set_reading(true);
    pauses_ = 0;
    out_ = Outgoing::none;
    in_ = Incoming::none;
    const ExchangePtr ended = std::move(exchange_);  // the headers stay readable during the call
    callbacks_.on_stream_complete(reusable);
}

bool Http1Client::on_end_of_stream() {
    if (finished_ || in_ == Incoming::none) return false;
    if (tunnel_ && in_ == Incoming::complete) return true;
    const bool whole = in_ == Incoming::body && exchange_->decoder.until_close();
    if (!whole) {
        // A response cut short is a broken one; without a byte of it the connection has just ended.
        const bool begun = in_ != Incoming::head || !connection_.read_buffer().empty();
        begun ? fail() : on_connection_closed(StreamReset::connection_terminated);
        return false;
    }
    busy_ = true;
    end_body();
    const bool goes_on = half_open() && !finished_;
    if (!goes_on && !finished_) complete_stream();
    busy_ = false;
    return goes_on;
}

void Http1Client::on_connection_closed(StreamReset reason) {
    finished_ = true;
    in_ = Incoming::none;
    if (ResponseDecoder* decoder = std::exchange(decoder_, nullptr)) decoder->on_stream_reset(reason);
    if (!busy_) exchange_.reset();
}

void Http1Client::message_written(bool end) {
    if (busy_) return;
    if (end) {
        connection_.flush();
        // In a tunnel this may have been the end of both sides.
        if (tunnel_ && !finished_ && in_ == Incoming::complete) run();
    } else {
        connection_.flush_later();
    }
}

void Http1Client::encode_headers(const HeaderMap& headers, bool end_stream) {
    if (finished_ || out_ != Outgoing::none || !exchange_) return;
    out_ = Outgoing::body;
    const std::string_view method = headers.get(HeaderId::method);
    head_request_ = method == "HEAD";
    upgrade_asked_ = headers.has(HeaderId::upgrade);
    connect_asked_ = method == "CONNECT";

    BodyFraming framing = BodyFraming::chunked;
    uint64_t length = 0;
    if (upgrade_asked_ || connect_asked_) {
        framing = BodyFraming::until_close;
        close_ = true;  // no request follows one that may have become a tunnel
        out_ = Outgoing::waiting;
    } else if (end_stream) {
        // No length where no body is expected (RFC 9110 8.6); the methods are Envoy's.
        const bool expects_none = method == "GET" || method == "HEAD" || method == "DELETE" || method == "TRACE";
        framing = expects_none ? BodyFraming::none : BodyFraming::length;
    } else if (read_content_length(headers, length)) {
        framing = BodyFraming::length;
    }
    exchange_->encoder.start(framing, length);

    HeadWriter writer(connection_.write_buffer(), headers, kHeadExtra);
    writer.put(method);
    writer.put(" ");
    writer.put_target(headers.has(HeaderId::path) ? headers.get(HeaderId::path) : headers.get(HeaderId::authority));
    writer.put(" HTTP/1.1\r\n");
    writer.put_line("host", headers.get(HeaderId::authority));
    writer.put_fields(headers);
    if (upgrade_asked_) writer.put("connection: Upgrade\r\n");
    if (framing == BodyFraming::chunked) {
        writer.put("transfer-encoding: chunked\r\n");
    } else if (framing == BodyFraming::length) {
        if (end_stream) {
            writer.put("content-length: 0\r\n");
        } else {
            writer.put_line("content-length", headers.get(HeaderId::content_length));
        }
    }
    write_head_end(writer, headers, end_stream);
}

void Http1Client::reset(StreamReset) {
    if (!decoder_) return;
    decoder_ = nullptr;
    if (in_ == Incoming::complete && !tunnel_) return;  // the exchange is over; only the request may be cut short
    finished_ = true;
    in_ = Incoming::none;
    connection_.close();
}

}  // namespace

std::unique_ptr<ClientCodec> make_http1_client(network::Connection& connection, ClientCallbacks& callbacks,
                                               const Http1Settings& settings) {
    return std::make_unique<Http1Client>(connection, callbacks, settings);
}

}  // namespace heirloom::http
