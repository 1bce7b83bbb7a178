// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/pooled_connection.h"

#include <cstring>

#include "proxy/upstream/http1_pool.h"

namespace heirloom::upstream {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

uint64_t milliseconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return to > from ? static_cast<uint64_t>(duration_cast<milliseconds>(to - from).count()) : 0;
}

}  // namespace

PooledConnection::PooledConnection(Http1Pool& pool, bool counted)
    : pool_(pool), idle_timer_(&on_idle_timeout, this), started_(pool.context_->loop.now()), counted_(counted) {
    const ClusterStats& stats = pool_.context_->stats;
    stats.upstream_cx_total.add();
    stats.upstream_cx_http1_total.add();
    stats.upstream_cx_active.add();
    pool_.numbers().cx_total.add();
    pool_.numbers().cx_active.add();
}

PooledConnection::~PooledConnection() = default;

void PooledConnection::connect() {
    const config::ClusterConfig& config = pool_.context_->config;
    connection_ =
        network::Connection::connect(pool_.context_->loop, pool_.endpoint().address(), config.connect_timeout, *this);
    connection_->set_high_watermark(config.per_connection_buffer_limit_bytes);
}

http::RequestEncoder& PooledConnection::attach(http::ResponseDecoder& decoder) {
    state_ = State::busy;
    ++requests_;
    sent_before_ = connection_->bytes_sent();
    received_before_ = connection_->bytes_received();
    return codec_->new_stream(decoder);
}

void PooledConnection::rest() {
    const milliseconds timeout = pool_.context_->config.idle_timeout;
    if (timeout.count() > 0) idle_timer_.arm(pool_.context_->loop.timers(), timeout);
}

void PooledConnection::close() { connection_->close(); }

void PooledConnection::on_connected() {
    PoolContext& context = *pool_.context_;
    context.stats.upstream_cx_connect_ms.record(milliseconds_between(started_, context.loop.now()));
    http::Http1Settings settings;
    settings.enable_trailers = true;  // the downstream side decides whether they go on
    codec_ = http::make_http1_client(*connection_, *this, settings);
    state_ = State::idle;
    pool_.on_connected(*this);
}

void PooledConnection::on_data() { codec_->dispatch(); }

void PooledConnection::on_end_of_stream() {
    if (codec_->on_end_of_stream()) return;
    if (!closed()) connection_->close(network::CloseReason::remote);
}

void PooledConnection::on_write_buffer_high() { codec_->on_write_buffer_high(); }

void PooledConnection::on_write_buffer_low() { codec_->on_write_buffer_low(); }

void PooledConnection::on_stream_complete(bool reusable) {
    if (state_ != State::busy) return;
    finish_request();
    state_ = State::idle;
    const PoolContext& context = *pool_.context_;
    const uint32_t most = context.config.max_requests_per_connection;
    if (!reusable) {
        context.stats.upstream_cx_close_notify.add();
        connection_->close();
    } else if (most != 0 && requests_ >= most) {
        context.stats.upstream_cx_max_requests.add();
        connection_->close();
    } else {
        pool_.on_connection_available(*this);
    }
}

void PooledConnection::on_protocol_error() {
    pool_.context_->stats.upstream_cx_protocol_error.add();
    connection_->close();
}

void PooledConnection::on_closed(network::CloseReason reason) {
    const State before = state_;
    state_ = State::closed;
    idle_timer_.cancel();
    count_close(before, reason);
    // The stream hears of it last: what it asks for next must not find this connection.
    if (before == State::busy) finish_request();
    pool_.on_connection_closed(*this, before == State::connecting, reason);
    if (codec_) {
        codec_->on_connection_closed(reason == network::CloseReason::local ? http::StreamReset::local
                                                                           : http::StreamReset::connection_terminated);
    }
}

void PooledConnection::count_close(State before, network::CloseReason reason) {
    PoolContext& context = *pool_.context_;
    const ClusterStats& stats = context.stats;
    const bool local = reason == network::CloseReason::local || reason == network::CloseReason::connect_timeout;
    count_bytes();
    stats.upstream_cx_destroy.add();
    (local ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).add();
    if (before == State::busy) {
        stats.upstream_cx_destroy_with_active_rq.add();
        (local ? stats.upstream_cx_destroy_local_with_active_rq : stats.upstream_cx_destroy_remote_with_active_rq)
            .add();
    }
    if (before == State::connecting) {
        stats.upstream_cx_connect_fail.add();
        if (reason == network::CloseReason::connect_timeout) stats.upstream_cx_connect_timeout.add();
        pool_.numbers().cx_connect_fail.add();
    } else {
        stats.upstream_rq_per_cx.record(requests_);
    }
    stats.upstream_cx_length_ms.record(milliseconds_between(started_, context.loop.now()));
    stats.upstream_cx_active.sub();
    pool_.numbers().cx_active.sub();
    if (counted_) context.connections.give_back();
}

void PooledConnection::finish_request() {
    PoolContext& context = *pool_.context_;
    context.stats.upstream_rq_active.sub();
    pool_.numbers().rq_active.sub();
    context.requests.give_back();
    count_bytes();
}

void PooledConnection::count_bytes() {
    const ClusterStats& stats = pool_.context_->stats;
    const uint64_t received = connection_->bytes_received();
    const uint64_t sent = connection_->bytes_sent();
    stats.upstream_cx_rx_bytes_total.add(received - counted_received_);
    stats.upstream_cx_tx_bytes_total.add(sent - counted_sent_);
    counted_received_ = received;
    counted_sent_ = sent;
}

void PooledConnection::on_idle_timeout(void* self) {
    auto& connection = *static_cast<PooledConnection*>(self);
    // Armed while idle and left alone when a request came: then it says nothing.
    if (connection.state_ != State::idle) return;
    connection.pool_.context_->stats.upstream_cx_idle_timeout.add();
    connection.connection_->close();
}

}  // namespace heirloom::upstream
