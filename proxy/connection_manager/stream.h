// SPDX-License-Identifier: Apache-2.0
// Stream: one request and its response, between the codec (RequestDecoder), whoever answers (DownstreamStream) and the
// log. Taken from the worker's pool when a request begins, so that an idle connection holds none.
//
//   begun -> answering -> over        `over` comes once: complete, reset, timed out or the client left. Then one record
//                                     is logged, the handler is told, and both are put away until the loop's iteration
//                                     ends: frames of either may still be on the stack.
#pragma once

#include <memory>

#include "proxy/config/access_log_filter.h"
#include "proxy/http/stream.h"
#include "proxy/network/timer_wheel.h"
#include "proxy/upstream/intrusive_list.h"

namespace heirloom::connection_manager {

class ConnectionManager;
struct ReplyContext;

class Stream final : public http::RequestDecoder, public http::DownstreamStream, private http::BodyFlow {
  public:
    Stream() = default;

    // A request begins on `connection`. `encoder` null: its head never came, nothing can be answered but by the
    // connection itself.
    void begin(ConnectionManager& connection, http::ResponseEncoder* encoder);
    // The codec is done with request and response, the client has all of it.
    void complete();
    // Answers what the codec refused, unless a response has begun: then the exchange just ends.
    void refuse(uint16_t status, std::string_view text, std::string_view details);
    // The same for a request whose head never came whole; the codec has no part in it. The stream is over then.
    void refuse_without_codec(uint16_t status, std::string_view text, std::string_view details);
    // HTTP/2: the same, where the stream was reset instead of answered; `local`: by a timeout here.
    void end_without_head(http::StreamReset reason, std::string_view details);
    // The connection is gone, by the client or by this side.
    void disconnected(bool local);
    // This side has no more time for it. HTTP/1: the connection is closing already.
    void cut();
    void on_write_buffer_high();
    void on_write_buffer_low();
    // At the end of the iteration: destroys the handler.
    void put_away();
    bool over() const { return connection_ == nullptr; }

    // http::RequestDecoder
    void on_request_headers(http::HeaderMap& headers, http::Protocol protocol, bool end_stream) override;
    void on_request_body(network::Buffer& data, bool end_stream) override;
    void on_request_trailers(http::HeaderMap& trailers) override;
    void on_stream_reset(http::StreamReset reason) override;
    void on_stream_complete() override { complete(); }
    void on_response_flow_high() override { on_write_buffer_high(); }
    void on_response_flow_low() override { on_write_buffer_low(); }

    // http::DownstreamStream
    http::HeaderMap& request_headers() override { return *request_headers_; }
    http::StreamInfo& info() override { return info_; }
    network::EventLoop& loop() override;
    const shm::SocketAddress* client_address() override;
    const shm::SocketAddress* local_address() override;
    void send_interim(uint16_t status, const http::HeaderMap& headers) override;
    void send_headers(http::HeaderMap& headers, bool end_stream) override;
    void send_body(network::Buffer& data, bool end_stream) override;
    void send_trailers(http::HeaderMap& trailers) override;
    void send_local_reply(uint16_t status, std::string_view body, std::string_view details,
                          const http::HeaderMap* add) override;
    void reset(http::StreamReset reason) override;
    bool response_started() const override { return response_headers_ != nullptr; }
    bool request_complete() const override { return request_complete_; }
    bool response_flow_high() const override { return encoder_ && encoder_->above_high_watermark(); }
    http::BodyFlow& request_flow() override { return *this; }
    size_t buffer_limit() const override;
    void set_idle_timeout(std::chrono::milliseconds timeout) override;
    void set_max_duration(std::chrono::milliseconds limit) override;
    void admit_tunnel() override;
    void refuse_tunnel() override;

    upstream::ListHook<Stream> hook;  // of its connection

  private:
    void pause_reading() override;
    void resume_reading() override;

    static void on_idle(void* self);
    static void on_request_timeout(void* self);
    static void on_max_duration(void* self);
    static void on_log_interval(void* self);
    void log(config::LogType type);
    void log_tunnel();
    void time_out(std::string_view text, std::string_view details, std::string_view grpc_status = {});
    void reply(uint16_t status, std::string_view body, std::string_view details, const http::HeaderMap* add,
               std::string_view grpc_status);
    ReplyContext reply_context();
    void end_here();
    void end_by_client(http::ResponseFlag flag, std::string_view details);
    void keep_for_log();
    void touch();
    bool admit(http::HeaderMap& headers);
    bool admit_names(http::HeaderMap& headers);
    bool admit_path(http::HeaderMap& headers);
    uint16_t listening_port();
    void answer_expectation(http::HeaderMap& headers, bool end_stream);
    void note_request_complete();
    void start_response(http::HeaderMap& headers, bool end_stream, bool local);
    void begin_response(http::HeaderMap& headers, bool local);
    void finish();

    ConnectionManager* connection_ = nullptr;  // null: over
    http::ResponseEncoder* encoder_ = nullptr;
    std::unique_ptr<http::StreamHandler> handler_;
    http::HeaderMap* request_headers_ = nullptr;
    http::HeaderMap* response_headers_ = nullptr;
    http::HeaderMap* response_trailers_ = nullptr;
    std::chrono::milliseconds idle_timeout_{0};
    bool request_complete_ = false;
    bool response_complete_ = false;
    bool head_request_ = false;
    bool tunnel_ = false;  // admitted
    // Left armed when the stream is over: the next one that uses this object only moves the deadline, which is a store.
    network::Timer idle_timer_{&Stream::on_idle, this};
    network::Timer duration_timer_{&Stream::on_max_duration, this};
    network::Timer request_timer_{&Stream::on_request_timeout, this};
    std::unique_ptr<network::Timer> log_timer_;  // only where configured
    http::StreamInfo info_;
    http::HeaderMap no_headers_;  // empty
    http::HeaderMap local_reply_;
    http::HeaderMap kept_headers_;  // of a response whose source is gone before the client has all of it
    http::HeaderMap kept_trailers_;
};

}  // namespace heirloom::connection_manager
