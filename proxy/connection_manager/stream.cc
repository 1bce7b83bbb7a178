// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/stream.h"

#include <algorithm>

#include "proxy/connection_manager/connection_set.h"
#include "proxy/connection_manager/forwarding_headers.h"
#include "proxy/connection_manager/local_reply.h"
#include "proxy/http/date.h"

namespace heirloom::connection_manager {

using http::HeaderId;
using http::ResponseFlag;
using std::chrono::milliseconds;

void Stream::begin(ConnectionManager& connection, http::ResponseEncoder* encoder) {
    const ConnectionManagerConfig& config = connection.config();
    connection_ = &connection;
    encoder_ = encoder;
    request_headers_ = &no_headers_;
    response_headers_ = nullptr;
    response_trailers_ = nullptr;
    request_complete_ = false;
    response_complete_ = false;
    head_request_ = false;
    tunnel_ = false;
    connection.add(*this);

    config.stats.http.downstream_rq_total.add();
    (connection.multiplexed() ? config.stats.http.downstream_rq_http2_total
                              : config.stats.http.downstream_rq_http1_total)
        .add();
    config.stats.http.downstream_rq_active.add();

    info_.reset();
    info_.start = config.loop.now();
    info_.start_wall = config.loop.wall_now();
    info_.connection_id = connection.connection().id();
    info_.filter_chain_name = config.filter_chain_name;
    info_.downstream_tls = connection.connection().tls();
    info_.requested_server_name = connection.server_name();
    if (!config.access_log.empty() || config.http->routes.mutations_have_operators || config.http->local_reply) {
        info_.downstream_direct_remote = connection.peer_address();
        info_.downstream_local = connection.local_address();
        if (connection.proxied()) info_.downstream_remote = connection.client_address()->to_string();
    }
    set_idle_timeout(config.http->stream_idle_timeout);
    if (config.http->max_stream_duration.count() > 0) set_max_duration(config.http->max_stream_duration);
    if (config.http->request_timeout.count() > 0) {
        request_timer_.arm(config.loop.timers(), config.http->request_timeout);
    }
    if (const milliseconds interval = config.http->access_log_options.interval; interval.count() > 0) {
        if (!log_timer_) log_timer_ = std::make_unique<network::Timer>(&Stream::on_log_interval, this);
        log_timer_->arm(config.loop.timers(), interval);
    }
}

network::EventLoop& Stream::loop() { return connection_->config().loop; }

const shm::SocketAddress* Stream::client_address() { return over() ? nullptr : connection_->client_address(); }

const shm::SocketAddress* Stream::local_address() { return over() ? nullptr : connection_->local_address(); }

void Stream::set_idle_timeout(milliseconds timeout) {
    idle_timeout_ = timeout;
    if (timeout.count() == 0) idle_timer_.cancel();
    touch();
}

void Stream::set_max_duration(milliseconds limit) {
    if (limit.count() == 0) return duration_timer_.cancel();
    const auto used = std::chrono::duration_cast<milliseconds>(loop().now() - info_.start);
    duration_timer_.arm(loop().timers(), std::max(limit - used, milliseconds(1)));
}

void Stream::touch() {
    if (idle_timeout_.count() > 0) idle_timer_.arm(loop().timers(), idle_timeout_);
}

size_t Stream::buffer_limit() const { return connection_->config().buffer_limit_bytes; }

void Stream::admit_tunnel() {
    if (over() || std::exchange(tunnel_, true)) return;
    connection_->config().stats.http.downstream_cx_upgrades_total.add();
    connection_->config().stats.http.downstream_cx_upgrades_active.add();
}

void Stream::refuse_tunnel() {
    if (over()) return;
    connection_->config().stats.http.downstream_rq_ws_on_non_ws_route.add();
    info_.response_code_details = "upgrade_failed";
    http::HeaderMap add;
    if (handler_) handler_->add_response_fields(add);
    send_local_reply(403, "", "upgrade_failed", &add);
}

// --- request ---------------------------------------------------------------------------------------------------------

void Stream::on_request_headers(http::HeaderMap& headers, http::Protocol protocol, bool end_stream) {
    request_headers_ = &headers;
    info_.protocol = protocol;
    head_request_ = headers.get(HeaderId::method) == "HEAD";
    if (end_stream) note_request_complete();
    if (!admit(headers)) return;
    if (connection_->config().http->access_log_options.at_start) log(config::LogType::downstream_start);
    if (headers.has(HeaderId::expect)) answer_expectation(headers, end_stream);
    handler_ = connection_->config().handlers.make_handler(*this);
    handler_->on_request_headers(headers, end_stream);
}

void Stream::note_request_complete() {
    request_complete_ = true;
    request_timer_.cancel();
    info_.request_end = loop().now();
}

void Stream::on_request_body(network::Buffer& data, bool end_stream) {
    if (over() || !handler_) return data.clear();
    info_.bytes_received += data.size();
    touch();
    if (end_stream) note_request_complete();
    handler_->on_request_body(data, end_stream);
}

void Stream::on_request_trailers(http::HeaderMap& trailers) {
    if (over() || !handler_) return;
    if (connection_->config().http->underscores != config::UnderscoreNames::allow && !admit_names(trailers)) return;
    touch();
    note_request_complete();
    handler_->on_request_trailers(trailers);
}

void Stream::on_stream_reset(http::StreamReset reason) {
    if (over()) return;
    switch (reason) {
        case http::StreamReset::remote:
            return end_by_client(ResponseFlag::downstream_remote_reset, "http2.remote_reset");
        case http::StreamReset::remote_refused:
            return end_by_client(ResponseFlag::downstream_remote_reset, "http2.remote_refuse");
        case http::StreamReset::protocol_error:
            return end_by_client(ResponseFlag::downstream_protocol_error, "http2.violation.of.messaging.rule");
        case http::StreamReset::local:
        case http::StreamReset::unprocessed:
        case http::StreamReset::connection_terminated:
        case http::StreamReset::connection_failed:
        case http::StreamReset::connection_timeout:
        case http::StreamReset::overflow:
        case http::StreamReset::no_connect:
            break;
    }
    disconnected(false);
}

void Stream::end_without_head(http::StreamReset reason, std::string_view details) {
    info_.protocol = http::Protocol::http2;
    if (reason == http::StreamReset::protocol_error)
        return end_by_client(ResponseFlag::downstream_protocol_error, details);
    if (reason != http::StreamReset::local) return on_stream_reset(reason);
    connection_->config().stats.http.downstream_rq_tx_reset.add();
    info_.response_code_details = details;
    finish();
}

void Stream::disconnected(bool local) {
    if (over()) return;
    end_by_client(ResponseFlag::downstream_connection_termination,
                  local ? "downstream_local_disconnect" : "downstream_remote_disconnect");
}

void Stream::cut() {
    encoder_->reset(http::StreamReset::local);
    disconnected(true);
}

void Stream::end_by_client(ResponseFlag flag, std::string_view details) {
    connection_->config().stats.http.downstream_rq_rx_reset.add();
    info_.set_flag(flag);
    info_.response_code_details = details;
    finish();
}

void Stream::pause_reading() {
    if (over()) return;
    connection_->config().stats.http.downstream_flow_control_paused_reading_total.add();
    encoder_->request_flow().pause_reading();
}

void Stream::resume_reading() {
    if (over()) return;
    connection_->config().stats.http.downstream_flow_control_resumed_reading_total.add();
    encoder_->request_flow().resume_reading();
}

// --- response --------------------------------------------------------------------------------------------------------

void Stream::send_interim(uint16_t status, const http::HeaderMap& headers) {
    if (over() || response_started()) return;
    count_response(connection_->config().stats, status);
    encoder_->encode_interim(status, headers);
}

void Stream::send_headers(http::HeaderMap& headers, bool end_stream) {
    if (over() || response_started()) return;
    start_response(headers, end_stream, false);
}

void Stream::begin_response(http::HeaderMap& headers, bool local) {
    const ConnectionManagerConfig& config = connection_->config();
    const std::string_view request_id = config.http->always_set_request_id_in_response
                                            ? request_headers_->get(HeaderId::x_request_id)
                                            : std::string_view();
    prepare_response(headers, *config.http, http::http_date(config.loop.wall_now()), request_id, local);
    response_headers_ = &headers;
    uint16_t code = 0;
    for (const char digit : headers.get(HeaderId::status).substr(0, 3)) {
        code = static_cast<uint16_t>(code * 10 + (digit - '0'));
    }
    info_.response_code = code;
    count_response(config.stats, code);
}

void Stream::start_response(http::HeaderMap& headers, bool end_stream, bool local) {
    begin_response(headers, local);
    touch();
    response_complete_ = end_stream;
    const bool close = connection_->decide_close(request_complete_);
    if (over()) return;  // what says that the connection drains may end it
    encoder_->encode_headers(headers, end_stream, close);
    if (tunnel_ && connection_ && connection_->config().http->access_log_options.at_tunnel) log_tunnel();
    if (end_stream) keep_for_log();
}

void Stream::send_body(network::Buffer& data, bool end_stream) {
    if (over() || !response_started() || response_complete_) return data.clear();
    if (!head_request_) info_.bytes_sent += data.size();
    touch();
    response_complete_ = end_stream;
    encoder_->encode_body(data, end_stream);
    if (end_stream) keep_for_log();
}

void Stream::send_trailers(http::HeaderMap& trailers) {
    if (over() || !response_started() || response_complete_) return;
    response_trailers_ = &trailers;
    response_complete_ = true;
    encoder_->encode_trailers(trailers);
    keep_for_log();
}

// HTTP/2: the client may take the rest long after its source, who owns the maps, has forgotten the exchange.
void Stream::keep_for_log() {
    if (over() || !connection_->multiplexed()) return;
    if (connection_->config().access_log.empty()) {
        response_headers_ = &no_headers_;
        response_trailers_ = nullptr;
        return;
    }
    const auto keep = [](http::HeaderMap*& map, http::HeaderMap& copy) {
        copy.clear();
        for (const http::HeaderField& field : map->fields()) {
            if (!field.removed) copy.add_copy(field.name, field.value);
        }
        map = &copy;
    };
    keep(response_headers_, kept_headers_);
    if (response_trailers_) keep(response_trailers_, kept_trailers_);
}

void Stream::send_local_reply(uint16_t status, std::string_view body, std::string_view details,
                              const http::HeaderMap* add) {
    reply(status, body, details, add, {});
}

void Stream::reply(uint16_t status, std::string_view body, std::string_view details, const http::HeaderMap* add,
                   std::string_view grpc_status) {
    if (over()) return;
    info_.response_code_details = details;
    if (response_started()) return end_here();
    // Says Envoy: who sends such a head may mean another end of it, too.
    if (status == 400 && !connection_->config().http->keep_open_after_400) connection_->distrust_rest();
    body = make_local_reply(local_reply_, *request_headers_, {status, body, add, grpc_status}, reply_context());
    const bool end_stream = body.empty() || head_request_;
    start_response(local_reply_, end_stream, true);
    if (end_stream || over()) return;
    network::Buffer buffer;
    buffer.append(body);
    send_body(buffer, true);
}

ReplyContext Stream::reply_context() { return {connection_->set().local_replies(), &info_}; }

void Stream::reset(http::StreamReset) {
    if (over() || (response_complete_ && !tunnel_)) return;
    // What is under way of a whole response is the client's.
    if (response_complete_ && connection_->multiplexed()) return encoder_->forgo_request();
    end_here();
}

void Stream::end_here() {
    ConnectionManager& connection = *connection_;
    connection.config().stats.http.downstream_rq_tx_reset.add();
    // First, as the codec's own way to end a connection leaves the client no time to take what was written.
    if (!connection.multiplexed()) connection.close_after_response();
    encoder_->reset(http::StreamReset::local);
    finish();
}

void Stream::on_write_buffer_high() {
    if (handler_ && !over()) handler_->on_response_flow_high();
}

void Stream::on_write_buffer_low() {
    if (over()) return;
    touch();  // the client takes bytes: it is slow, not gone
    if (handler_) handler_->on_response_flow_low();
}

// --- refusals and timeouts -------------------------------------------------------------------------------------------

void Stream::refuse(uint16_t status, std::string_view text, std::string_view details) {
    if (over()) return;
    info_.set_flag(ResponseFlag::downstream_protocol_error);
    connection_->distrust_rest();
    send_local_reply(status, text, details, nullptr);
}

void Stream::refuse_without_codec(uint16_t status, std::string_view text, std::string_view details) {
    info_.response_code_details = details;
    text = make_local_reply(local_reply_, *request_headers_, {status, text}, reply_context());
    begin_response(local_reply_, true);
    info_.bytes_sent = text.size();
    write_local_reply(connection_->connection().write_buffer(), local_reply_, text,
                      connection_->config().http->proper_case_names);
    finish();
}

void Stream::on_idle(void* self) {
    auto& stream = *static_cast<Stream*>(self);
    if (stream.over()) return;
    const ConnectionManagerStats& stats = stream.connection_->config().stats;
    // All is said, only the client does not take it.
    (stream.response_complete_ && !stream.tunnel_ ? stats.http2.tx_flush_timeout
                                                  : stats.http.downstream_rq_idle_timeout)
        .add();
    stream.info_.set_flag(ResponseFlag::stream_idle_timeout);
    stream.time_out("stream timeout", "stream_idle_timeout");
}

void Stream::on_request_timeout(void* self) {
    auto& stream = *static_cast<Stream*>(self);
    if (stream.over()) return;
    stream.connection_->config().stats.http.downstream_rq_timeout.add();
    stream.time_out("request timeout", "request_overall_timeout");
}

void Stream::on_max_duration(void* self) {
    auto& stream = *static_cast<Stream*>(self);
    if (stream.over() || (stream.response_complete_ && !stream.tunnel_)) return;
    stream.connection_->config().stats.http.downstream_rq_max_duration_reached.add();
    stream.time_out("downstream duration timeout", "max_duration_timeout", "4");  // DEADLINE_EXCEEDED
}

void Stream::time_out(std::string_view text, std::string_view details, std::string_view grpc_status) {
    info_.response_code_details = details;
    http::HeaderMap add;
    if (handler_ && !response_started()) handler_->add_response_fields(add);
    reply(request_complete_ ? 504 : 408, text, details, &add, grpc_status);
    // Answered, but the client has not taken all of it: nothing more is wanted of an upstream. Called again at the end.
    if (!over() && handler_) handler_->on_destroy();
}

// --- end -------------------------------------------------------------------------------------------------------------

void Stream::complete() {
    if (over()) return;
    if (!request_complete_) connection_->config().stats.http.downstream_rq_response_before_rq_complete.add();
    finish();
}

void Stream::finish() {
    ConnectionManager& connection = *connection_;
    const ConnectionManagerConfig& config = connection.config();
    info_.end = config.loop.now();
    config.stats.http.downstream_rq_active.sub();
    if (tunnel_) config.stats.http.downstream_cx_upgrades_active.sub();
    if (info_.response_code != 0) {
        const auto took = std::chrono::duration_cast<milliseconds>(*info_.end - info_.start);
        config.stats.http.downstream_rq_time.record(static_cast<uint64_t>(took.count()));
    }
    log(config::LogType::downstream_end);
    info_.forget_upstream_connection();
    connection.remove(*this);
    request_timer_.cancel();
    if (duration_timer_.armed()) duration_timer_.cancel();
    if (log_timer_) log_timer_->cancel();
    connection_ = nullptr;
    encoder_ = nullptr;
    request_headers_ = &no_headers_;
    response_trailers_ = nullptr;
    if (handler_) handler_->on_destroy();
    connection.set().release_stream(*this);
}

void Stream::log(config::LogType type) {
    access_log::Logger& logger = connection_->config().access_log;
    if (logger.empty()) return;
    info_.request_headers_bytes = request_headers_->byte_size();
    if (response_headers_) info_.response_headers_bytes = response_headers_->byte_size();
    logger.log({info_, *request_headers_, response_headers_, response_trailers_, type});
}

void Stream::log_tunnel() {
    const bool connects = request_headers_->get(HeaderId::method) == "CONNECT";
    const bool open = connects ? info_.response_code / 100 == 2 : info_.response_code == 101;
    if (open) log(config::LogType::tunnel_established);
}

void Stream::on_log_interval(void* self) {
    auto& stream = *static_cast<Stream*>(self);
    if (stream.over()) return;
    stream.log(config::LogType::downstream_periodic);
    const ConnectionManagerConfig& config = stream.connection_->config();
    stream.log_timer_->arm(config.loop.timers(), config.http->access_log_options.interval);
}

void Stream::put_away() {
    handler_.reset();
    response_headers_ = nullptr;
}

}  // namespace heirloom::connection_manager
