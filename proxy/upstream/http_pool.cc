// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/http_pool.h"

#include <algorithm>

#include "proxy/upstream/endpoint_pools.h"

namespace heirloom::upstream {

using http::StreamReset;

HttpPool::HttpPool(EndpointPools& endpoint, PoolProtocol protocol, TransportOptions options)
    : endpoint_(endpoint), protocol_(protocol), options_(std::move(options)) {
    if (protocol_ == PoolProtocol::http1) expect_streams(1);
    if (protocol_ == PoolProtocol::http2) expect_streams(endpoint_.context().config.http2.max_concurrent_streams);
}

HttpPool::~HttpPool() = default;

Acquired HttpPool::acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, bool fresh) {
    PoolContext& context = endpoint_.context();
    Acquired result;
    if (!fresh && has_available()) return take_available(decoder);
    if (!context.pending.try_take()) {
        context.stats.upstream_rq_pending_overflow.add();
        result.failure = StreamReset::overflow;
        return result;
    }
    auto* const request = new PendingRequest(*this, decoder, callbacks, fresh);
    list_of(*request).push_back(*request);
    endpoint_.count_pending();
    connect_for_pending();
    if (fresh && none_comes() && has_available()) {
        // There may be no more connections: better an old one than none.
        take_off(*request);
        delete request;
        return take_available(decoder);
    }
    result.ticket = request;
    return result;
}

bool HttpPool::has_available() const {
    // One that has just failed tells its streams before it tells us.
    return available_.front() && available_.front()->has_room();
}

Acquired HttpPool::take_available(http::ResponseDecoder& decoder) {
    PoolContext& context = endpoint_.context();
    Acquired result;
    if (!context.requests.try_take()) {
        context.stats.upstream_rq_active_overflow.add();
        result.failure = StreamReset::overflow;
        return result;
    }
    PooledConnection& connection = *available_.front();
    result = attach(connection, decoder);
    // Who waits for what it will allow would wait for ever.
    if (connection.draining()) connect_for_pending();
    return result;
}

Acquired HttpPool::attach(PooledConnection& connection, http::ResponseDecoder& decoder) {
    Acquired result;
    result.transport = &connection;
    result.encoder = &connection.attach(decoder);
    if (!connection.has_room()) set_available(connection, false);
    if (connection.draining()) set_settling(connection, false);  // it took its last request
    return result;
}

void HttpPool::expect_streams(size_t at_once) {
    const size_t in_all = endpoint_.context().config.max_requests_per_connection;
    streams_per_connection_ = in_all == 0 ? at_once : std::min(at_once, in_all);
}

// How many requests the connections that are being made will take.
size_t HttpPool::expected_requests() const {
    if (streams_per_connection_ == 0) return connecting_ == 0 ? 0 : waiting();
    return connecting_ * streams_per_connection_;
}

void HttpPool::connect_for_pending() {
    if (settling_ > 0 || waiting() <= expected_requests()) return;
    PoolContext& context = endpoint_.context();
    bool counted = context.connections.try_take();
    if (!counted && endpoint_.close_one_idle(*this)) counted = context.connections.try_take();
    if (!counted) {
        context.stats.upstream_cx_overflow.add();
        // A pool gets one connection even above the limit; else its requests would wait for ever.
        if (!all_.empty()) return;
    }
    auto* const connection = new PooledConnection(*this, counted);
    all_.push_back(*connection);
    ++connecting_;
    connection->connect();
}

void HttpPool::on_connected(PooledConnection& connection) {
    --connecting_;
    set_settling(connection, connection.protocol() == http::Protocol::http2);
    on_room_changed(connection, true);
    endpoint_.report_if_finished();
}

void HttpPool::on_settings(PooledConnection& connection) {
    const bool made_now = connection.settling;
    set_settling(connection, false);
    on_room_changed(connection, made_now);
}

void HttpPool::on_connection_available(PooledConnection& connection) {
    serve_or_keep(connection, false);
    endpoint_.report_if_finished();
}

void HttpPool::on_room_changed(PooledConnection& connection, bool made_now) {
    if (connection.protocol() != http::Protocol::http2) {
        expect_streams(1);
    } else if (const size_t streams = connection.max_streams(); streams > 0 && !connection.settling) {
        told_streams_ = streams;
        expect_streams(streams);
    }
    serve_or_keep(connection, made_now);
    // The handshake may have told that more connections are needed than one.
    while (waiting() > expected_requests()) {
        const uint32_t making = connecting_;
        connect_for_pending();
        if (connecting_ == making) break;
    }
}

HttpPool::PendingRequest* HttpPool::next_pending(bool made_now) const {
    PendingRequest* const repeated = repeated_.front();
    // Without a connection that is being made there is nothing to wait for: the limit is reached.
    if (repeated && (made_now || none_comes())) return repeated;
    return pending_.front();
}

void HttpPool::serve_or_keep(PooledConnection& connection, bool made_now) {
    PoolContext& context = endpoint_.context();
    while (connection.has_room()) {
        PendingRequest* const first = next_pending(made_now);
        if (!first) break;
        const std::unique_ptr<PendingRequest> request(first);
        take_off(*request);
        if (!context.requests.try_take()) {
            context.stats.upstream_rq_active_overflow.add();
            request->callbacks.on_pool_failure(StreamReset::overflow, {});
            continue;
        }
        const Acquired acquired = attach(connection, request->decoder);
        request->callbacks.on_pool_ready(*acquired.encoder, *acquired.transport);
    }
    if (connection.draining()) connect_for_pending();
    if (connection.closed()) return;
    set_available(connection, connection.has_room());
    if (!connection.idle()) return;
    if (endpoint_.removed()) return connection.drain();
    connection.rest();
}

void HttpPool::set_available(PooledConnection& connection, bool wanted) {
    if (connection.available == wanted) return;
    connection.available = wanted;
    wanted ? available_.push_front(connection) : available_.remove(connection);
}

void HttpPool::set_settling(PooledConnection& connection, bool wanted) {
    if (connection.settling == wanted) return;
    connection.settling = wanted;
    wanted ? ++settling_ : --settling_;
}

void HttpPool::on_connection_drains(PooledConnection& connection) {
    set_available(connection, false);
    set_settling(connection, false);
    connect_for_pending();
}

void HttpPool::on_connection_closed(PooledConnection& connection, bool was_connecting, network::CloseReason reason) {
    all_.remove(connection);
    set_available(connection, false);
    set_settling(connection, false);
    if (was_connecting) {
        --connecting_;
        const std::string why = connection.connect_failure(reason);
        endpoint_.context().loop.destroy_later(std::unique_ptr<network::Deferred>(&connection));
        fail_pending(connect_reset(reason), why);
    } else {
        endpoint_.context().loop.destroy_later(std::unique_ptr<network::Deferred>(&connection));
        connect_for_pending();
    }
    endpoint_.on_pool_smaller(*this);
}

void HttpPool::take_off(PendingRequest& request) {
    list_of(request).remove(request);
    endpoint_.uncount_pending();
}

void HttpPool::PendingRequest::cancel() {
    HttpPool& where = pool;
    where.endpoint_.context().stats.upstream_rq_cancelled.add();
    where.take_off(*this);
    delete this;
    where.endpoint_.on_pool_smaller(where);
}

void HttpPool::fail_pending(StreamReset reason, std::string_view transport_failure) {
    // Those that wait now; a callback may cancel others and may ask again.
    for (size_t left = waiting(); left > 0 && waiting() > 0; --left) {
        const std::unique_ptr<PendingRequest> request(repeated_.empty() ? pending_.front() : repeated_.front());
        take_off(*request);
        endpoint_.context().stats.upstream_rq_pending_failure_eject.add();
        request->callbacks.on_pool_failure(reason, transport_failure);
    }
}

void HttpPool::close_idle() {
    // Not all of them are available: what is left of old streams may fill one.
    for (PooledConnection* connection = all_.front(); connection;) {
        PooledConnection* const next = all_.next(*connection);
        if (connection->idle()) connection->drain();
        connection = next;
    }
}

void HttpPool::drain() {
    for (PooledConnection* connection = all_.front(); connection;) {
        PooledConnection* const next = all_.next(*connection);
        connection->drain();
        connection = next;
    }
}

bool HttpPool::close_one_idle() {
    for (PooledConnection* connection = available_.front(); connection; connection = available_.next(*connection)) {
        if (!connection->idle()) continue;
        connection->close();
        return true;
    }
    return false;
}

void HttpPool::shut_down() {
    fail_pending(StreamReset::connection_terminated, {});
    while (PooledConnection* const connection = all_.front()) connection->close();
}

}  // namespace heirloom::upstream
