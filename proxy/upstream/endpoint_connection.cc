// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint_connection.h"

#include <cstring>

#include "proxy/upstream/endpoint_pools.h"

namespace heirloom::upstream {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

uint64_t milliseconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
    return to > from ? static_cast<uint64_t>(duration_cast<milliseconds>(to - from).count()) : 0;
}

}  // namespace

EndpointConnection::EndpointConnection(EndpointPools& endpoint, bool counted)
    : endpoint_(endpoint), started_(endpoint.context().loop.now()), counted_(counted) {
    const ClusterStats& stats = endpoint_.context().stats;
    stats.upstream_cx_total.add();
    stats.upstream_cx_active.add();
    endpoint_.numbers().cx_total.add();
    endpoint_.numbers().cx_active.add();
    endpoint_.on_connection_made();
}

EndpointConnection::~EndpointConnection() = default;

void EndpointConnection::start_connecting(const TransportOptions& options, std::span<const std::string> alpn) {
    const PoolContext& context = endpoint_.context();
    const config::ClusterConfig& config = context.config;
    const Endpoint& endpoint = endpoint_.endpoint();
    connected_to_ = &endpoint.address();
    connection_ = network::Connection::connect(context.loop, endpoint.address(), config.connect_timeout, *this);
    connection_->set_high_watermark(config.per_connection_buffer_limit_bytes);
    if (const auto& keep = config.tcp_keepalive) connection_->set_keep_alive(keep->probes, keep->time, keep->interval);
    if (auto socket = make_transport_socket(config, context.tls.get(), options, endpoint.hostname(), alpn))
        connection_->set_transport_socket(std::move(socket));
}

void EndpointConnection::count_connected() {
    const PoolContext& context = endpoint_.context();
    context.stats.upstream_cx_connect_ms.record(milliseconds_between(started_, context.loop.now()));
}

void EndpointConnection::count_closed(network::CloseReason reason, bool was_connecting, bool busy, uint64_t requests) {
    PoolContext& context = endpoint_.context();
    const ClusterStats& stats = context.stats;
    const bool local = reason == network::CloseReason::local || reason == network::CloseReason::connect_timeout;
    count_bytes();
    stats.upstream_cx_destroy.add();
    (local ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).add();
    if (busy) {
        stats.upstream_cx_destroy_with_active_rq.add();
        (local ? stats.upstream_cx_destroy_local_with_active_rq : stats.upstream_cx_destroy_remote_with_active_rq)
            .add();
    }
    if (was_connecting) {
        stats.upstream_cx_connect_fail.add();
        if (reason == network::CloseReason::connect_timeout) stats.upstream_cx_connect_timeout.add();
        endpoint_.numbers().cx_connect_fail.add();
    } else {
        stats.upstream_rq_per_cx.record(requests);
    }
    stats.upstream_cx_length_ms.record(milliseconds_between(started_, context.loop.now()));
    stats.upstream_cx_active.sub();
    endpoint_.numbers().cx_active.sub();
    if (counted_) context.connections.give_back();
    endpoint_.on_connection_gone();
}

void EndpointConnection::count_bytes() {
    const ClusterStats& stats = endpoint_.context().stats;
    const uint64_t received = connection_->bytes_received();
    const uint64_t sent = connection_->bytes_sent();
    stats.upstream_cx_rx_bytes_total.add(received - counted_received_);
    stats.upstream_cx_tx_bytes_total.add(sent - counted_sent_);
    counted_received_ = received;
    counted_sent_ = sent;
}

void EndpointConnection::count_request_begin() {
    const ClusterStats& stats = endpoint_.context().stats;
    stats.upstream_rq_total.add();
    stats.upstream_rq_active.add();
    endpoint_.numbers().rq_total.add();
    endpoint_.numbers().rq_active.add();
}

void EndpointConnection::count_request_end() {
    PoolContext& context = endpoint_.context();
    context.stats.upstream_rq_active.sub();
    endpoint_.numbers().rq_active.sub();
    context.requests.give_back();
    count_bytes();
}

std::string EndpointConnection::connect_failure(network::CloseReason reason) const {
    if (reason == network::CloseReason::connect_timeout) return {};
    if (!connection_->transport_failure().empty()) return std::string(connection_->transport_failure());
    const int error = connection_->socket_error();
    return error == 0 ? std::string() : std::string("delayed connect error: ") + std::strerror(error);
}

}  // namespace heirloom::upstream
