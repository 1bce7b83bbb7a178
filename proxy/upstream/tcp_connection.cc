// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/tcp_connection.h"

#include <utility>

#include "proxy/upstream/endpoint_pools.h"

namespace heirloom::upstream {

TcpConnection::TcpConnection(EndpointPools& endpoint, EndpointLease lease, TcpCallbacks& callbacks,
                             const TransportOptions& options)
    : EndpointConnection(endpoint, true), lease_(std::move(lease)), callbacks_(&callbacks) {
    endpoint_.on_tcp_made(*this);
    start_connecting(options, {});
}

TcpConnection::~TcpConnection() { close(); }

void TcpConnection::close() {
    callbacks_ = nullptr;
    if (state_ != State::closed) connection_->close();
}

void TcpConnection::end() { connection_->close(); }

void TcpConnection::on_connected() {
    state_ = State::connected;
    count_connected();
    endpoint_.context().outliers.on_tcp_connected(lease_);
    endpoint_.uncount_pending();
    count_request_begin();
    callbacks_->on_connected();
}

void TcpConnection::on_data() {
    count_bytes();
    callbacks_->on_data();
}

void TcpConnection::on_closed(network::CloseReason reason) {
    const State before = std::exchange(state_, State::closed);
    const bool connecting = before == State::connecting;
    PoolContext& context = endpoint_.context();
    count_closed(reason, connecting, !connecting, 1);
    endpoint_.on_tcp_gone(*this);
    if (connecting) {
        endpoint_.uncount_pending();
        context.requests.give_back();
        (callbacks_ ? context.stats.upstream_rq_pending_failure_eject : context.stats.upstream_rq_cancelled).add();
    } else {
        count_request_end();
    }
    TcpCallbacks* const callbacks = callbacks_;
    if (connecting && callbacks) {
        const bool gone = reason == network::CloseReason::local;
        const bool late = reason == network::CloseReason::connect_timeout;
        if (!gone) context.outliers.on_local_origin(lease_, late ? LocalOrigin::timeout : LocalOrigin::failed);
        callbacks->on_tcp_failure(gone ? http::StreamReset::connection_terminated : connect_reset(reason),
                                  connect_failure(reason));
    } else if (callbacks) {
        callbacks->on_closed(reason);
    }
    endpoint_.report_if_finished();
}

void TcpConnection::on_write_buffer_high() {
    if (callbacks_) callbacks_->on_write_buffer_high();
}

void TcpConnection::on_write_buffer_low() {
    if (callbacks_) callbacks_->on_write_buffer_low();
}

void TcpConnection::on_write_buffer_drained() {
    count_bytes();
    if (callbacks_) callbacks_->on_write_buffer_drained();
}

}  // namespace heirloom::upstream
