// SPDX-License-Identifier: Apache-2.0
// What the two HTTP/1 codecs share: one message comes in, one goes out, bodies pass through, a slow receiver pauses the
// socket. A template, so that a side's own steps are plain calls. For http1_server.cc and http1_client.cc only.
//
// A Side provides: step() (one piece of progress, false when there is none), take_body(body, end), take_trailers()
// (returns false when nobody wants them any more), refuse(error) and message_written(end).
#pragma once

#include <algorithm>

#include "proxy/http/http1_exchange.h"
#include "proxy/network/connection.h"

namespace heirloom::http {

template <class Side>
class Http1Side : public BodyFlow {
  public:
    // BodyFlow. on_data() follows from the loop when bytes are waiting.
    void pause_reading() final {
        if (++pauses_ == 1) connection_.set_reading(false);
    }
    void resume_reading() final {
        if (pauses_ > 0 && --pauses_ == 0) connection_.set_reading(true);
    }

  protected:
    enum class Incoming : uint8_t { none, head, body, trailers, complete, refused };
    // waiting: a tunnel was asked for; nothing goes out until it is open.
    enum class Outgoing : uint8_t { none, waiting, body, complete };
    static constexpr size_t kHeadExtra = 160;  // of a head: its first line and the framing lines

    Http1Side(network::Connection& connection, const Http1Settings& settings)
        : connection_(connection), settings_(settings) {}
    ~Http1Side() override = default;

    // Makes all the progress that the bytes at hand allow. What is written meanwhile leaves at the end.
    void run() {
        if (busy_) {
            again_ = true;
            return;
        }
        busy_ = true;
        do {
            again_ = false;
            while (side().step()) {
            }
        } while (again_);
        busy_ = false;
        if (!connection_.write_buffer().empty()) connection_.flush();
    }

    void begin_exchange(HeadParser::Kind kind) {
        exchange_ = acquire_exchange();
        exchange_->parser.start(kind, settings_);
        in_ = Incoming::head;
        out_ = Outgoing::none;
    }

    bool read_body() {
        network::Buffer& input = connection_.read_buffer();
        if (input.empty()) return false;
        network::Buffer& body = exchange_->body;
        switch (exchange_->decoder.decode(input, body)) {
            case BodyDecoder::Progress::incomplete:
                if (!body.empty()) side().take_body(body, false);
                body.clear();
                return !input.empty();
            case BodyDecoder::Progress::complete:
                end_body();
                return true;
            case BodyDecoder::Progress::trailers:
                // What was decoded stays in `body`: when the trailers are here too, it goes out as the last piece.
                exchange_->parser.start(HeadParser::Kind::trailers, settings_);
                in_ = Incoming::trailers;
                return true;
            case BodyDecoder::Progress::failed:
                return side().refuse({400, "http1.codec_error"});
        }
        return false;
    }

    bool read_trailers() {
        network::Buffer& body = exchange_->body;
        switch (exchange_->parser.parse(connection_.read_buffer(), exchange_->trailers)) {
            case HeadParser::Progress::incomplete:
                if (!body.empty()) side().take_body(body, false);
                body.clear();
                return false;
            case HeadParser::Progress::failed:
                return side().refuse(exchange_->parser.error());
            case HeadParser::Progress::complete:
                break;
        }
        if (!settings_.enable_trailers || exchange_->trailers.empty()) {
            end_body();
            return true;
        }
        if (!body.empty()) side().take_body(body, false);
        body.clear();
        // The exchange may have ended on that last piece.
        if (side().receiving()) {
            in_ = Incoming::complete;
            side().take_trailers();
        }
        return true;
    }

    void end_body() {
        in_ = Incoming::complete;
        side().take_body(exchange_->body, true);
        exchange_->body.clear();
    }

    void write_body(network::Buffer& data, bool end_stream) {
        if (finished_ || out_ != Outgoing::body) {
            data.clear();
            return;
        }
        exchange_->encoder.encode(data, connection_.write_buffer());
        if (end_stream) {
            end_message(nullptr);
        } else {
            side().message_written(false);
        }
    }

    void write_trailers(const HeaderMap& trailers) {
        if (finished_ || out_ != Outgoing::body) return;
        end_message(settings_.enable_trailers ? &trailers : nullptr);
    }

    // In what case names are written is the word of the side that the head came by, then of this one.
    void format_names(HeadWriter& writer, const HeaderMap& headers) const {
        if (headers.written()) {
            writer.restore_names(*headers.written());
        } else if (settings_.proper_case_names) {
            writer.capitalize_names(HeadWriter::FirstLine::apart);
        }
    }

    void write_head_end(HeadWriter& writer, const HeaderMap& headers, bool end_stream) {
        format_names(writer, headers);
        writer.finish();
        if (end_stream) {
            end_message(nullptr);
        } else {
            side().message_written(false);
        }
    }

    // Both sides are raw bytes from now on, each until its FIN. No other exchange follows.
    void open_tunnel() {
        tunnel_ = true;
        close_ = true;
    }
    // The message that came is over and so, in a tunnel, is the one that goes out, or the other way round.
    bool half_open() const { return tunnel_ && (in_ != Incoming::complete || out_ != Outgoing::complete); }

    void end_message(const HeaderMap* trailers) {
        if (!exchange_->encoder.finish(connection_.write_buffer(), trailers, settings_.proper_case_names))
            close_ = true;
        out_ = Outgoing::complete;
        if (tunnel_) connection_.finish_writing();
        side().message_written(true);
    }

    network::Connection& connection_;
    const Http1Settings& settings_;
    ExchangePtr exchange_;
    Incoming in_ = Incoming::none;
    Outgoing out_ = Outgoing::none;
    bool close_ = false;     // no further exchange on this connection
    bool finished_ = false;  // the connection is over for this codec
    bool busy_ = false;      // inside run()
    bool again_ = false;     // run() was called meanwhile
    bool tunnel_ = false;
    uint32_t pauses_ = 0;

  private:
    Side& side() { return static_cast<Side&>(*this); }
};

}  // namespace heirloom::http
