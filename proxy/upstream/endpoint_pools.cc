// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint_pools.h"

#include <vector>

namespace heirloom::upstream {

using http::StreamReset;

namespace {

void write_key(PoolProtocol protocol, const TransportOptions& options, std::string& key) {
    key.assign(1, static_cast<char>('0' + static_cast<int>(protocol)));
    key += options.server_name;
    key += '\0';
    key += options.proxy_header;
}

}  // namespace

EndpointPools::EndpointPools(PoolContext& context, PoolOwner& owner, std::shared_ptr<const Endpoint> endpoint)
    : EndpointUse(std::move(endpoint)),
      context_(&context),
      owner_(&owner),
      has_options_(has_transport_options(context.config)) {}

EndpointPools::~EndpointPools() = default;

template <class Do>
void EndpointPools::each_pool(Do&& work) {
    for (auto& pool : plain_) {
        if (pool) work(*pool);
    }
    // Closing may empty a pool, which then leaves the map.
    std::vector<HttpPool*> special;
    special.reserve(special_.size());
    for (auto& [key, pool] : special_) special.push_back(pool.get());
    for (HttpPool* pool : special) work(*pool);
}

PoolProtocol EndpointPools::protocol_for(http::Protocol downstream) const {
    switch (context_->config.protocol) {
        case config::ClusterConfig::Protocol::http1:
            return PoolProtocol::http1;
        case config::ClusterConfig::Protocol::http2:
            return PoolProtocol::http2;
        case config::ClusterConfig::Protocol::by_downstream:
            return downstream == http::Protocol::http2 ? PoolProtocol::http2 : PoolProtocol::http1;
        case config::ClusterConfig::Protocol::by_alpn:
            return PoolProtocol::negotiated;
    }
    return PoolProtocol::http1;
}

HttpPool& EndpointPools::plain_pool(PoolProtocol protocol) {
    auto& pool = plain_[static_cast<size_t>(protocol)];
    if (!pool) pool = std::make_unique<HttpPool>(*this, protocol, TransportOptions{});
    return *pool;
}

Acquired EndpointPools::acquire(http::ResponseDecoder& decoder, PoolCallbacks& callbacks, const StreamNeeds& needs) {
    if (reported_) {
        Acquired result;
        result.failure = StreamReset::connection_terminated;
        return result;
    }
    const PoolProtocol protocol = protocol_for(needs.downstream);
    if (has_options_) return acquire_special(protocol, decoder, callbacks, needs);
    return plain_pool(protocol).acquire(decoder, callbacks, needs.fresh);
}

Acquired EndpointPools::acquire_special(PoolProtocol protocol, http::ResponseDecoder& decoder, PoolCallbacks& callbacks,
                                        const StreamNeeds& needs) {
    read_transport_options(context_->config, needs, options_);
    write_key(protocol, options_, key_);
    auto found = special_.find(key_);
    if (found == special_.end())
        found = special_.emplace(key_, std::make_unique<HttpPool>(*this, protocol, options_)).first;
    HttpPool& pool = *found->second;
    const Acquired result = pool.acquire(decoder, callbacks, needs.fresh);
    if (result.failure && pool.empty()) special_.erase(found);
    return result;
}

TcpAcquired EndpointPools::connect_tcp(EndpointLease lease, TcpCallbacks& callbacks, const StreamNeeds& needs) {
    TcpAcquired result;
    if (reported_) {
        result.failure = StreamReset::connection_terminated;
        return result;
    }
    const ClusterStats& stats = context_->stats;
    result.failure = StreamReset::overflow;
    if (!context_->connections.try_take()) {
        stats.upstream_cx_overflow.add();
        return result;
    }
    if (!context_->pending.try_take()) {
        stats.upstream_rq_pending_overflow.add();
    } else if (!context_->requests.try_take()) {
        context_->pending.give_back();
        stats.upstream_rq_active_overflow.add();
    } else {
        result.failure.reset();
    }
    if (result.failure) {
        context_->connections.give_back();
        return result;
    }
    count_pending();
    read_transport_options(context_->config, needs, options_);
    result.upstream = std::make_unique<TcpConnection>(*this, std::move(lease), callbacks, options_);
    return result;
}

void EndpointPools::count_pending() {
    ++pending_;
    context_->stats.upstream_rq_pending_total.add();
    context_->stats.upstream_rq_pending_active.add();
    numbers().rq_pending_active.add();
}

void EndpointPools::uncount_pending() {
    --pending_;
    context_->pending.give_back();
    context_->stats.upstream_rq_pending_active.sub();
    numbers().rq_pending_active.sub();
}

void EndpointPools::on_pool_smaller(HttpPool& pool) {
    if (has_options_ && pool.empty() && !reported_) {
        write_key(pool.protocol(), pool.options(), key_);
        const auto found = special_.find(key_);
        if (found != special_.end()) {
            // It may be on the stack.
            context_->loop.destroy_later(std::move(found->second));
            special_.erase(found);
        }
    }
    report_if_finished();
}

bool EndpointPools::close_one_idle(const HttpPool& wanting) {
    for (auto& [key, pool] : special_) {
        if (pool.get() != &wanting && pool->close_one_idle()) return true;
    }
    for (auto& pool : plain_) {
        if (pool && pool.get() != &wanting && pool->close_one_idle()) return true;
    }
    return false;
}

void EndpointPools::on_tcp_gone(TcpConnection& connection) { tcp_.remove(connection); }

void EndpointPools::close_idle() {
    each_pool([](HttpPool& pool) { pool.close_idle(); });
}

void EndpointPools::drain() {
    each_pool([](HttpPool& pool) { pool.drain(); });
}

void EndpointPools::remove() {
    removed_ = true;
    close_idle();
    report_if_finished();
}

void EndpointPools::on_last_lease_returned() {
    if (context_) {
        report_if_finished();
    } else {
        delete this;
    }
}

void EndpointPools::report_if_finished() {
    if (!removed_ || reported_ || !context_ || leased() || connections_ != 0 || pending_ != 0) return;
    reported_ = true;
    owner_->on_endpoint_finished(*this);
}

void EndpointPools::shut_down(std::unique_ptr<EndpointPools> pools) {
    // From now on nothing is made anew, whatever the streams ask for when they hear of the end.
    pools->reported_ = true;
    pools->removed_ = true;
    const EndpointLease hold(*pools);  // callbacks may return the others
    pools->each_pool([](HttpPool& pool) { pool.shut_down(); });
    while (TcpConnection* const connection = pools->tcp_.front()) connection->end();
    pools->context_ = nullptr;
    pools.release();  // on_last_lease_returned() deletes it
}

}  // namespace heirloom::upstream
