// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/worker_cluster.h"

#include <algorithm>

#include "proxy/runtime/table.h"

namespace heirloom::upstream {

WorkerClusterView::WorkerClusterView(network::EventLoop& loop, Cluster& cluster, uint32_t worker,
                                     std::shared_ptr<const HostSet> hosts,
                                     std::shared_ptr<const tls::ClientContext> tls)
    : tell_(cluster.tell),
      outliers_(cluster.config.outlier_detection.get(), cluster.tell),
      context_{loop,
               cluster.config,
               cluster.stats,
               WorkerLimit(cluster.connections),
               WorkerLimit(cluster.pending, cluster.budget.has_value()),
               WorkerLimit(cluster.requests, cluster.budget.has_value()),
               outliers_,
               std::move(tls)},
      retries_(cluster.retries),
      budget_(cluster.budget ? &*cluster.budget : nullptr),
      chooser_(cluster.config, cluster.stats, worker, *this) {
    set_hosts(std::move(hosts));
    follow_maintenance();
}

WorkerClusterView::~WorkerClusterView() {
    for (auto& pool : pools_) {
        if (pool) EndpointPools::shut_down(std::move(pool));
    }
    for (auto& pool : removed_) EndpointPools::shut_down(std::move(pool));
}

EndpointLease WorkerClusterView::choose(std::optional<uint64_t> hash) {
    const std::optional<uint32_t> index = chooser_.choose(hash);
    if (!index) {
        context_.stats.upstream_cx_none_healthy.add();
        return {};
    }
    auto& pools = pools_[*index];
    if (!pools) pools = std::make_unique<EndpointPools>(context_, *this, hosts_->endpoints[*index]);
    return EndpointLease(*pools);
}

Acquired WorkerClusterView::acquire(const EndpointLease& endpoint, http::ResponseDecoder& decoder,
                                    PoolCallbacks& callbacks, const StreamNeeds& needs) {
    return static_cast<EndpointPools*>(endpoint.use())->acquire(decoder, callbacks, needs);
}

TcpAcquired WorkerClusterView::connect_tcp(EndpointLease endpoint, TcpCallbacks& callbacks, const StreamNeeds& needs) {
    auto& pools = *static_cast<EndpointPools*>(endpoint.use());
    return pools.connect_tcp(std::move(endpoint), callbacks, needs);
}

// Each answer of such an endpoint says it; the main thread needs to hear it once.
void WorkerClusterView::report_told_to_leave(const EndpointLease& endpoint) {
    if (std::find(told_to_leave_.begin(), told_to_leave_.end(), endpoint.use()) != told_to_leave_.end()) return;
    told_to_leave_.push_back(endpoint.use());
    tell_(endpoint.use()->shared_endpoint(), EndpointEvent::told_to_leave);
}

void WorkerClusterView::set_hosts(std::shared_ptr<const HostSet> hosts) {
    if (hosts->endpoints != hosts_->endpoints) keep_pools(hosts->endpoints);
    told_to_leave_.clear();
    const auto before = std::exchange(hosts_, std::move(hosts));
    chooser_.set_hosts(*hosts_);
    // Last: what fails now may ask for another endpoint.
    drain_failed(*before);
    std::vector<std::unique_ptr<EndpointPools>> leaving;
    leaving.swap(leaving_);
    for (auto& pool : leaving) {
        EndpointPools& pools = *pool;
        removed_.push_back(std::move(pool));
        pools.remove();
    }
}

void WorkerClusterView::keep_pools(const EndpointList& endpoints) {
    std::unordered_map<const EndpointState*, std::unique_ptr<EndpointPools>> old;
    for (auto& pool : pools_) {
        if (pool) old.emplace(&pool->endpoint().state(), std::move(pool));
    }
    pools_.clear();
    pools_.resize(endpoints.size());
    for (size_t i = 0; i < endpoints.size(); ++i) {
        const auto found = old.find(&endpoints[i]->state());
        if (found == old.end()) continue;
        pools_[i] = std::move(found->second);
        pools_[i]->move_to(endpoints[i]);
        old.erase(found);
    }
    for (auto& [endpoint, pool] : old) leaving_.push_back(std::move(pool));
}

void WorkerClusterView::drain_failed(const HostSet& before) {
    constexpr HealthFlags kFailed = health_flag::failed_active_check | health_flag::failed_outlier_check;
    std::unordered_map<const EndpointState*, HealthFlags> known;
    for (size_t i = 0; i < before.endpoints.size(); ++i) known.emplace(&before.endpoints[i]->state(), before.flags[i]);
    for (size_t i = 0; i < pools_.size(); ++i) {
        if (!pools_[i]) continue;
        const auto found = known.find(&hosts_->endpoints[i]->state());
        if (found != known.end() && (hosts_->flags[i] & ~found->second & kFailed)) pools_[i]->drain();
    }
}

void WorkerClusterView::follow_maintenance() {
    maintenance_percent_ = runtime::integer(config::RuntimeKey::find("upstream.maintenance_mode." + config().name), 0);
}

void WorkerClusterView::follow_runtime() {
    for (WorkerLimit* limit : {&context_.connections, &context_.pending, &context_.requests, &retries_})
        limit->follow();
    follow_maintenance();
    chooser_.follow_runtime(*hosts_);
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
