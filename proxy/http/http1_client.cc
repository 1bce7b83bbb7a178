// SPDX-License-Identifier: Apache-2.0
// The upstream side: one request and its response at a time.
#include <algorithm>

#include "proxy/http/http1_codec.h"
#include "proxy/http/http1_exchange.h"

namespace heirloom::http {
namespace {

constexpr size_t kHeadExtra = 160;  // request line and the framing lines

class Http1Client final : public ClientCodec, public RequestEncoder, public BodyFlow {
  public:
    Http1Client(network::Connection& connection, ClientCallbacks& callbacks, const Http1Settings& settings)
        : connection_(connection), callbacks_(callbacks), settings_(settings) {}

    // ClientCodec
    RequestEncoder& new_stream(ResponseDecoder& decoder) override;
    void dispatch() override;
    void on_end_of_stream() override;
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
    void encode_body(network::Buffer& data, bool end_stream) override;
    void encode_trailers(const HeaderMap& trailers) override;
    void reset(StreamReset reason) override;
    BodyFlow& response_flow() override { return *this; }

    // BodyFlow
    void pause_reading() override;
    void resume_reading() override;

  private:
    enum class Request : uint8_t { none, body, complete };
    enum class Response : uint8_t { none, head, body, trailers, complete };

    bool step();
    bool read_head();
    bool take_interim();
    bool begin_response();
    bool read_body();
    bool read_trailers();
    void deliver_end(network::Buffer& body);
    void fail();
    void complete_stream();
    void end_request(const HeaderMap* trailers);
    void written(bool end_of_message);

    network::Connection& connection_;
    ClientCallbacks& callbacks_;
    const Http1Settings settings_;
    ExchangePtr exchange_;
    ResponseDecoder* decoder_ = nullptr;
    Request request_ = Request::none;
    Response response_ = Response::none;
    bool head_request_ = false;
    bool close_ = false;
    bool finished_ = false;  // the connection is over for this codec
    bool busy_ = false;
    bool again_ = false;
    uint32_t pauses_ = 0;
};

RequestEncoder& Http1Client::new_stream(ResponseDecoder& decoder) {
    decoder_ = &decoder;
    exchange_ = acquire_exchange();
    exchange_->parser.start(HeadParser::Kind::response, settings_);
    request_ = Request::none;
    response_ = Response::head;
    pauses_ = 0;
    return *this;
}

void Http1Client::dispatch() {
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
    // A new request may have been written while the old response ended.
    if (!connection_.write_buffer().empty()) connection_.flush();
}

bool Http1Client::step() {
    if (finished_ || connection_.closing()) return false;
    switch (response_) {
        case Response::none:
            if (connection_.read_buffer().empty()) return false;
            fail();  // nobody asked
            return false;
        case Response::head:
            return read_head();
        case Response::body:
            return pauses_ == 0 && read_body();
        case Response::trailers:
            return pauses_ == 0 && read_trailers();
        case Response::complete:
            complete_stream();
            return true;
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
    if (status == 101 || request_ == Request::none) {
        fail();  // no upgrade was asked for; no answer before the request
        return false;
    }
    decoder_->on_interim(status, exchange_->headers);
    if (finished_) return false;
    exchange_->headers.clear();
    exchange_->parser.start(HeadParser::Kind::response, settings_);
    return true;
}

bool Http1Client::begin_response() {
    if (request_ == Request::none) {
        fail();
        return false;
    }
    const MessageHead& head = exchange_->parser.head();
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
    response_ = end_stream ? Response::complete : Response::body;
    decoder_->on_response_headers(exchange_->headers, end_stream);
    return true;
}

bool Http1Client::read_body() {
    network::Buffer& input = connection_.read_buffer();
    if (input.empty()) return false;
    network::Buffer& body = exchange_->body;
    switch (exchange_->decoder.decode(input, body)) {
        case BodyDecoder::Progress::incomplete:
            if (!body.empty()) decoder_->on_response_body(body, false);
            body.clear();
            return !input.empty();
        case BodyDecoder::Progress::complete:
            deliver_end(body);
            return true;
        case BodyDecoder::Progress::trailers:
            exchange_->parser.start(HeadParser::Kind::trailers, settings_);
            response_ = Response::trailers;
            return true;
        case BodyDecoder::Progress::failed:
            fail();
            return false;
    }
    return false;
}

bool Http1Client::read_trailers() {
    network::Buffer& body = exchange_->body;
    switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->trailers)) {
        case HeadParser::Progress::incomplete:
            if (!body.empty()) decoder_->on_response_body(body, false);
            body.clear();
            return false;
        case HeadParser::Progress::failed:
            fail();
            return false;
        case HeadParser::Progress::complete:
            break;
    }
    if (!settings_.enable_trailers || exchange_->trailers.empty()) {
        deliver_end(body);
        return true;
    }
    if (!body.empty()) decoder_->on_response_body(body, false);
    body.clear();
    if (finished_) return false;
    response_ = Response::complete;
    decoder_->on_response_trailers(exchange_->trailers);
    return true;
}

void Http1Client::deliver_end(network::Buffer& body) {
    response_ = Response::complete;
    decoder_->on_response_body(body, true);
    body.clear();
}

void Http1Client::fail() {
    finished_ = true;
    response_ = Response::none;
    if (ResponseDecoder* decoder = std::exchange(decoder_, nullptr))
        decoder->on_stream_reset(StreamReset::protocol_error);
    callbacks_.on_protocol_error();
}

void Http1Client::complete_stream() {
    // Bytes behind the response belong to nothing: the next response could not be trusted.
    const bool reusable = request_ == Request::complete && !close_ && connection_.read_buffer().empty();
    decoder_ = nullptr;
    if (!reusable) finished_ = true;
    if (!finished_ && pauses_ > 0) connection_.set_reading(true);
    pauses_ = 0;
    request_ = Request::none;
    response_ = Response::none;
    const ExchangePtr ended = std::move(exchange_);  // the headers stay readable during the call
    callbacks_.on_stream_complete(reusable);
}

void Http1Client::on_end_of_stream() {
    if (finished_ || response_ == Response::none) return;
    const bool whole = response_ == Response::body && exchange_->decoder.until_close();
    if (!whole) {
        // A response cut short is a broken one; without a byte of it the connection has just ended.
        const bool begun = response_ != Response::head || !connection_.read_buffer().empty();
        return begun ? fail() : on_connection_closed(StreamReset::connection_terminated);
    }
    busy_ = true;
    deliver_end(exchange_->body);
    if (!finished_) complete_stream();
    busy_ = false;
}

void Http1Client::on_connection_closed(StreamReset reason) {
    finished_ = true;
    response_ = Response::none;
    if (ResponseDecoder* decoder = std::exchange(decoder_, nullptr)) decoder->on_stream_reset(reason);
    if (!busy_) exchange_.reset();
}

void Http1Client::written(bool end_of_message) {
    if (busy_) return;
    if (end_of_message) {
        connection_.flush();
    } else {
        connection_.flush_later();
    }
}

void Http1Client::encode_headers(const HeaderMap& headers, bool end_stream) {
    if (finished_ || request_ != Request::none || !exchange_) return;
    request_ = Request::body;
    const std::string_view method = headers.get(HeaderId::method);
    head_request_ = method == "HEAD";

    BodyFraming framing = BodyFraming::chunked;
    uint64_t length = 0;
    if (end_stream) {
        // No length where no body is expected (RFC 9110 8.6).
        const bool expects_body = method == "POST" || method == "PUT" || method == "PATCH";
        framing = expects_body ? BodyFraming::length : BodyFraming::none;
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
    if (framing == BodyFraming::chunked) {
        writer.put("transfer-encoding: chunked\r\n");
    } else if (framing == BodyFraming::length) {
        if (end_stream) {
            writer.put("content-length: 0\r\n");
        } else {
            writer.put_line("content-length", headers.get(HeaderId::content_length));
        }
    }
    writer.finish();
    if (end_stream) {
        end_request(nullptr);
    } else {
        written(false);
    }
}

void Http1Client::encode_body(network::Buffer& data, bool end_stream) {
    if (finished_ || request_ != Request::body) {
        data.clear();
        return;
    }
    exchange_->encoder.encode(data, connection_.write_buffer());
    if (end_stream) {
        end_request(nullptr);
    } else {
        written(false);
    }
}

void Http1Client::encode_trailers(const HeaderMap& trailers) {
    if (finished_ || request_ != Request::body) return;
    end_request(settings_.enable_trailers ? &trailers : nullptr);
}

void Http1Client::end_request(const HeaderMap* trailers) {
    if (!exchange_->encoder.finish(connection_.write_buffer(), trailers)) close_ = true;
    request_ = Request::complete;
    written(true);
}

void Http1Client::reset(StreamReset) {
    if (!decoder_) return;
    decoder_ = nullptr;
    if (response_ == Response::complete) return;  // the exchange is over; only the request may be cut short
    finished_ = true;
    response_ = Response::none;
    connection_.close();
}

void Http1Client::pause_reading() {
    if (++pauses_ == 1) connection_.set_reading(false);
}

void Http1Client::resume_reading() {
    if (pauses_ > 0 && --pauses_ == 0) connection_.set_reading(true);
}

}  // namespace

std::unique_ptr<ClientCodec> make_http1_client(network::Connection& connection, ClientCallbacks& callbacks,
                                               const Http1Settings& settings) {
    return std::make_unique<Http1Client>(connection, callbacks, settings);
}

}  // namespace heirloom::http
