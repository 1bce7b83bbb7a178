// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/pooled_connection.h"

#include <algorithm>

#include "proxy/http/http1_codec.h"
#include "proxy/http/http2_codec.h"
#include "proxy/upstream/endpoint_pools.h"
#include "proxy/upstream/http_pool.h"

namespace heirloom::upstream {

namespace {

// For the rest of streams whose exchange is over, when nothing else keeps the connection.
constexpr std::chrono::seconds kLeftoverTime{1};
// RFC 9113 5.1.1: an HTTP/2 client has this many stream ids per connection; a busy one uses them up in hours.
constexpr uint64_t kStreamIds = uint64_t{1} << 30;

const std::string kHttp1Alpn[] = {"http/1.1"};
const std::string kHttp2Alpn[] = {"h2"};
const std::string kBothAlpn[] = {"h2", "http/1.1"};

std::span<const std::string> alpn_of(PoolProtocol protocol) {
    switch (protocol) {
        case PoolProtocol::http1:
            return kHttp1Alpn;
        case PoolProtocol::http2:
            return kHttp2Alpn;
        case PoolProtocol::negotiated:
            return kBothAlpn;
    }
    return {};
}

http::Http2Settings http2_settings(const config::ClusterConfig& config) {
    const config::Http2Config& from = config.http2;
    http::Http2Settings settings;
    settings.hpack_table_size = from.hpack_table_size;
    settings.max_concurrent_streams = from.max_concurrent_streams;
    settings.initial_stream_window_size = from.initial_stream_window_size;
    settings.initial_connection_window_size = from.initial_connection_window_size;
    settings.allow_connect = from.allow_connect;
    settings.max_outbound_frames = from.max_outbound_frames;
    settings.max_outbound_control_frames = from.max_outbound_control_frames;
    settings.max_consecutive_inbound_frames_with_empty_payload = from.max_consecutive_inbound_frames_with_empty_payload;
    settings.max_inbound_priority_frames_per_stream = from.max_inbound_priority_frames_per_stream;
    settings.max_inbound_window_update_frames_per_data_frame_sent =
        from.max_inbound_window_update_frames_per_data_frame_sent;
    settings.keepalive = {.interval = from.keepalive_interval,
                          .timeout = from.keepalive_timeout,
                          .jitter_percent = from.keepalive_jitter_percent,
                          .idle_interval = from.keepalive_idle_interval};
    settings.secure = config.tls != nullptr;
    settings.stream_buffer_bytes = std::min(settings.stream_buffer_bytes, config.per_connection_buffer_limit_bytes);
    return settings;
}

}  // namespace

PooledConnection::PooledConnection(HttpPool& pool, bool counted)
    : EndpointConnection(pool.endpoint_pools(), counted),
      pool_(pool),
      idle_timer_(&on_idle_timeout, this),
      age_timer_(&on_age, this) {
    const ClusterStats& stats = endpoint_.context().stats;
    if (pool_.protocol() == PoolProtocol::http1) stats.upstream_cx_http1_total.add();
    if (pool_.protocol() == PoolProtocol::http2) stats.upstream_cx_http2_total.add();
}

PooledConnection::~PooledConnection() = default;

size_t PooledConnection::room() const {
    const size_t allowed = codec_->max_streams();
    return settling ? std::min(allowed, pool_.blind_streams()) : allowed;
}

void PooledConnection::connect() { start_connecting(pool_.options(), alpn_of(pool_.protocol())); }

http::RequestEncoder& PooledConnection::attach(http::ResponseDecoder& decoder) {
    ++requests_;
    ++requests_running_;
    sent_before_ = connection_->bytes_sent();
    received_before_ = connection_->bytes_received();
    count_request_begin();
    const config::ClusterConfig& config = endpoint_.context().config;
    http::RequestEncoder& encoder = codec_->new_stream(decoder);
    const uint64_t limit = config.max_requests_per_connection != 0 ? config.max_requests_per_connection : kStreamIds;
    if (requests_ >= limit) {
        endpoint_.context().stats.upstream_cx_max_requests.add();
        state_ = State::draining;
    }
    return encoder;
}

void PooledConnection::rest() {
    PoolContext& context = endpoint_.context();
    if (context.config.idle_timeout.count() > 0) idle_timer_.arm(context.loop.timers(), context.config.idle_timeout);
}

void PooledConnection::close() {
    ended_here_ = true;
    connection_->close();
}

void PooledConnection::drain() {
    if (state_ != State::open) return;
    state_ = State::draining;
    if (requests_running_ > 0 || has_leftovers()) pool_.on_connection_drains(*this);
    if (requests_running_ == 0) end_drained();
}

void PooledConnection::make_codec() {
    const PoolContext& context = endpoint_.context();
    if (pool_.protocol() == PoolProtocol::negotiated) {
        const network::TlsSession* const session = connection_->tls();
        const bool http2 = session && session->alpn() == "h2";
        (http2 ? context.stats.upstream_cx_http2_total : context.stats.upstream_cx_http1_total).add();
        if (http2) protocol_ = http::Protocol::http2;
    } else if (pool_.protocol() == PoolProtocol::http2) {
        protocol_ = http::Protocol::http2;
    }
    if (protocol_ == http::Protocol::http2) {
        codec_ = http::make_http2_client(*connection_, *this, http2_settings(context.config), &context.stats.http2);
    } else {
        http::Http1Settings settings;
        settings.enable_trailers = context.config.http1_trailers;
        settings.proper_case_names = context.config.http1_proper_case_names;
        settings.preserve_case = context.config.http1_preserve_case.on;
        settings.capitalize_added = context.config.http1_preserve_case.capitalize_added;
        settings.forward_reason = context.config.http1_preserve_case.forward_reason;
        codec_ = http::make_http1_client(*connection_, *this, settings);
    }
}

void PooledConnection::on_connected() {
    PoolContext& context = endpoint_.context();
    count_connected();
    make_codec();
    state_ = State::open;
    if (context.config.max_connection_duration.count() > 0)
        age_timer_.arm(context.loop.timers(), context.config.max_connection_duration);
    pool_.on_connected(*this);
}

void PooledConnection::on_data() { codec_->dispatch(); }

void PooledConnection::on_end_of_stream() {
    if (codec_->on_end_of_stream()) return;
    if (!closed()) connection_->close(network::CloseReason::remote);
}

void PooledConnection::on_write_buffer_high() { codec_->on_write_buffer_high(); }

void PooledConnection::on_write_buffer_low() { codec_->on_write_buffer_low(); }

void PooledConnection::on_write_buffer_drained() {
    // For its gauges.
    if (codec_ && protocol_ == http::Protocol::http2) codec_->on_write_buffer_low();
}

void PooledConnection::on_stream_complete(bool reusable) {
    if (state_ == State::closed) return;
    finish_requests(protocol_ == http::Protocol::http2 ? codec_->exchanges() : 0);
    if (!reusable && protocol_ != http::Protocol::http2) {           // HTTP/2 has said so by GOAWAY
        const bool said_more = !connection_->read_buffer().empty();  // than the response
        const ClusterStats& stats = endpoint_.context().stats;
        (said_more ? stats.upstream_cx_protocol_error : stats.upstream_cx_close_notify).add();
        state_ = State::draining;
    }
    if (state_ == State::open) {
        pool_.on_connection_available(*this);
    } else if (requests_running_ == 0) {
        end_drained();
    }
}

void PooledConnection::on_protocol_error() {
    endpoint_.context().stats.upstream_cx_protocol_error.add();
    if (protocol_ == http::Protocol::http2) {
        finish_requests(codec_->exchanges());
        state_ = State::draining;
        pool_.on_connection_drains(*this);
        // What the codec has to say of it goes out first.
        connection_->close_after_flush(std::chrono::milliseconds(0));
    } else {
        connection_->close();
    }
}

void PooledConnection::on_goaway() {
    if (state_ != State::open && state_ != State::draining) return;
    endpoint_.context().stats.upstream_cx_close_notify.add();
    drain();
}

void PooledConnection::on_max_streams_changed() {
    if (state_ == State::open) pool_.on_settings(*this);
}

void PooledConnection::on_closed(network::CloseReason reason) {
    const State before = std::exchange(state_, State::closed);
    idle_timer_.cancel();
    age_timer_.cancel();
    count_closed(reason, before == State::connecting, requests_running_ > 0, requests_);
    // The streams hear of it last: what they ask for next must not find this connection.
    finish_requests(0);
    pool_.on_connection_closed(*this, before == State::connecting, reason);
    if (codec_) {
        // Closed below, it is the connection that failed: its peer no longer answered.
        codec_->on_connection_closed(ended_here_ ? http::StreamReset::local : http::StreamReset::connection_terminated);
    }
}

void PooledConnection::finish_requests(size_t still_running) {
    for (; requests_running_ > still_running; --requests_running_) count_request_end();
}

// Nobody waits for anything of it. Frames that still have a chance to leave get it.
void PooledConnection::end_drained() {
    if (!has_leftovers()) return connection_->close();
    idle_timer_.arm(endpoint_.context().loop.timers(), kLeftoverTime);
}

void PooledConnection::on_idle_timeout(void* self) {
    auto& connection = *static_cast<PooledConnection*>(self);
    if (connection.draining() && connection.requests_running_ == 0) return connection.connection_->close();
    // Armed while idle and left alone when a request came: then it says nothing.
    if (!connection.idle()) return;
    connection.endpoint_.context().stats.upstream_cx_idle_timeout.add();
    connection.connection_->close();
}

void PooledConnection::on_age(void* self) {
    auto& connection = *static_cast<PooledConnection*>(self);
    if (connection.state_ != State::open) return;
    connection.endpoint_.context().stats.upstream_cx_max_duration_reached.add();
    connection.drain();
}

}  // namespace heirloom::upstream
