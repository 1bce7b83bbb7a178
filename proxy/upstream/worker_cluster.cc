// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/worker_cluster.h"

#include <algorithm>

namespace heirloom::upstream {

WorkerClusterView::WorkerClusterView(network::EventLoop& loop, Cluster& cluster, uint32_t worker,
                                     std::shared_ptr<const EndpointList> endpoints,
                                     std::shared_ptr<const tls::ClientContext> tls)
    : context_{loop,
               cluster.config,
               cluster.stats,
               WorkerLimit(cluster.connections),
               WorkerLimit(cluster.pending),
               WorkerLimit(cluster.requests),
               std::move(tls)},
      retries_(cluster.retries),
      round_robin_(worker) {
    set_endpoints(std::move(endpoints));
}

WorkerClusterView::~WorkerClusterView() {
    for (auto& pool : pools_) {
        if (pool) EndpointPools::shut_down(std::move(pool));
    }
    for (auto& pool : removed_) EndpointPools::shut_down(std::move(pool));
}

EndpointLease WorkerClusterView::choose() {
    if (pools_.empty()) {
        context_.stats.upstream_cx_none_healthy.add();
        return {};
    }
    const size_t index = round_robin_.choose();
    if (!pools_[index]) pools_[index] = std::make_unique<EndpointPools>(context_, *this, (*endpoints_)[index]);
    return EndpointLease(*pools_[index]);
}

Acquired WorkerClusterView::acquire(const EndpointLease& endpoint, http::ResponseDecoder& decoder,
                                    PoolCallbacks& callbacks, const StreamNeeds& needs) {
    return static_cast<EndpointPools*>(endpoint.use())->acquire(decoder, callbacks, needs);
}

TcpAcquired WorkerClusterView::connect_tcp(EndpointLease endpoint, TcpCallbacks& callbacks, const StreamNeeds& needs) {
    auto& pools = *static_cast<EndpointPools*>(endpoint.use());
    return pools.connect_tcp(std::move(endpoint), callbacks, needs);
}

void WorkerClusterView::set_endpoints(std::shared_ptr<const EndpointList> endpoints) {
    std::unordered_map<const Endpoint*, std::unique_ptr<EndpointPools>> old;
    for (auto& pool : pools_) {
        if (pool) old.emplace(&pool->endpoint(), std::move(pool));
    }
    pools_.clear();
    pools_.resize(endpoints->size());
    for (size_t i = 0; i < endpoints->size(); ++i) {
        const auto found = old.find((*endpoints)[i].get());
        if (found == old.end()) continue;
        pools_[i] = std::move(found->second);
        old.erase(found);
    }
    endpoints_ = std::move(endpoints);
    round_robin_.set_endpoints(*endpoints_);
    for (auto& [endpoint, pool] : old) {
        EndpointPools& leaving = *pool;
        removed_.push_back(std::move(pool));
        leaving.remove();
    }
}

void WorkerClusterView::close_idle() {
    for (auto& pool : pools_) {
        if (pool) pool->close_idle();
    }
}

void WorkerClusterView::on_endpoint_finished(EndpointPools& pools) {
    const auto found =
        std::find_if(removed_.begin(), removed_.end(), [&](const auto& held) { return held.get() == &pools; });
    if (found == removed_.end()) return;
    context_.loop.destroy_later(std::move(*found));
    removed_.erase(found);
}

}  // namespace heirloom::upstream
