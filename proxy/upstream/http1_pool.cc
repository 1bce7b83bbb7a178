// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/http1_pool.h"

#include <cstring>

namespace heirloom::upstream {

using http::StreamReset;

Http1Pool::Http1Pool(PoolContext& context, PoolOwner& owner, std::shared_ptr<const Endpoint> endpoint)
    : EndpointUse(std::move(endpoint)), context_(&context), owner_(&owner) {}

Http1Pool::~Http1Pool() = default;

Acquired Http1Pool::acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, bool fresh) {
    Acquired result;
    if (reported_) {
        result.failure = StreamReset::connection_terminated;
        return result;
    }
    PooledConnection* const idle = fresh ? nullptr : idle_.front();
    if (idle) {
        if (!context_->requests.try_take()) {
            context_->stats.upstream_rq_active_overflow.add();
            result.failure = StreamReset::overflow;
            return result;
        }
        idle_.remove(*idle);
        return attach(*idle, decoder);
    }
    if (!context_->pending.try_take()) {
        context_->stats.upstream_rq_pending_overflow.add();
        result.failure = StreamReset::overflow;
        return result;
    }
    auto* const request = new PendingRequest(*this, decoder, callbacks);
    pending_.push_back(*request);
    context_->stats.upstream_rq_pending_total.add();
    context_->stats.upstream_rq_pending_active.add();
    numbers().rq_pending_active.add();
    connect_for_pending();
    result.ticket = request;
    return result;
}

Acquired Http1Pool::attach(PooledConnection& connection, http::ResponseDecoder& decoder) {
    context_->stats.upstream_rq_total.add();
    context_->stats.upstream_rq_active.add();
    numbers().rq_total.add();
    numbers().rq_active.add();
    Acquired result;
    result.transport = &connection;
    result.encoder = &connection.attach(decoder);
    return result;
}

void Http1Pool::connect_for_pending() {
    if (pending_.size() <= connecting_) return;
    const bool counted = context_->connections.try_take();
    if (!counted) {
        context_->stats.upstream_cx_overflow.add();
        // A chosen endpoint gets one connection even above the limit; else its requests would wait for ever.
        if (!all_.empty()) return;
    }
    auto* const connection = new PooledConnection(*this, counted);
    all_.push_back(*connection);
    ++connecting_;
    connection->connect();
}

void Http1Pool::on_connected(PooledConnection& connection) {
    --connecting_;
    on_connection_available(connection);
}

void Http1Pool::on_connection_available(PooledConnection& connection) {
    serve_or_keep(connection);
    report_if_finished();
}

void Http1Pool::serve_or_keep(PooledConnection& connection) {
    while (PendingRequest* const first = pending_.front()) {
        const std::unique_ptr<PendingRequest> request(first);
        take_off(*request);
        if (!context_->requests.try_take()) {
            context_->stats.upstream_rq_active_overflow.add();
            request->callbacks.on_pool_failure(StreamReset::overflow, {});
            continue;
        }
        const Acquired acquired = attach(connection, request->decoder);
        request->callbacks.on_pool_ready(*acquired.encoder, *acquired.transport);
        return;
    }
    if (connection.closed()) return;
    if (removed_) return connection.close();
    idle_.push_front(connection);
    connection.rest();
}

void Http1Pool::on_connection_closed(PooledConnection& connection, bool was_connecting, network::CloseReason reason) {
    all_.remove(connection);
    if (idle_.front() == &connection || connection.idle_hook.previous) idle_.remove(connection);
    context_->loop.destroy_later(std::unique_ptr<network::Deferred>(&connection));
    if (was_connecting) {
        --connecting_;
        const bool timed_out = reason == network::CloseReason::connect_timeout;
        const int error = connection.connect_error();
        std::string why;
        if (!timed_out && error != 0) why = std::string("delayed connect error: ") + std::strerror(error);
        fail_pending(timed_out ? StreamReset::connection_timeout : StreamReset::connection_failed, why);
    } else if (context_) {
        connect_for_pending();
    }
    report_if_finished();
}

void Http1Pool::take_off(PendingRequest& request) {
    pending_.remove(request);
    context_->pending.give_back();
    context_->stats.upstream_rq_pending_active.sub();
    numbers().rq_pending_active.sub();
}

void Http1Pool::PendingRequest::cancel() {
    pool.context_->stats.upstream_rq_cancelled.add();
    pool.take_off(*this);
    Http1Pool& where = pool;
    delete this;
    where.report_if_finished();
}

void Http1Pool::fail_pending(StreamReset reason, std::string_view transport_failure) {
    // Those that wait now; a callback may cancel others and may ask again.
    for (size_t left = pending_.size(); left > 0 && !pending_.empty(); --left) {
        const std::unique_ptr<PendingRequest> request(pending_.front());
        take_off(*request);
        context_->stats.upstream_rq_pending_failure_eject.add();
        request->callbacks.on_pool_failure(reason, transport_failure);
    }
}

void Http1Pool::close_idle() {
    while (PooledConnection* const connection = idle_.front()) connection->close();
}

void Http1Pool::remove() {
    removed_ = true;
    close_idle();
    report_if_finished();
}

void Http1Pool::on_last_lease_returned() {
    if (context_) {
        report_if_finished();
    } else {
        delete this;
    }
}

void Http1Pool::report_if_finished() {
    if (!removed_ || reported_ || !context_ || leased() || !all_.empty() || !pending_.empty()) return;
    reported_ = true;
    owner_->on_pool_finished(*this);
}

void Http1Pool::shut_down(std::unique_ptr<Http1Pool> pool) {
    // From now on nothing is made anew, whatever the streams ask for when they hear of the end.
    pool->reported_ = true;
    pool->removed_ = true;
    pool->fail_pending(StreamReset::connection_terminated, {});
    while (PooledConnection* const connection = pool->all_.front()) connection->close();
    pool->context_ = nullptr;
    if (pool->leased()) pool.release();  // on_last_lease_returned() deletes it
}

}  // namespace heirloom::upstream
