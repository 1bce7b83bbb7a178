// SPDX-License-Identifier: Apache-2.0
// WorkerClusterView: one cluster on one worker: its endpoints, who chooses among them, the pools of each endpoint in
// use. Made when the worker first asks for the cluster; pools are made when an endpoint is first chosen.
#pragma once

#include <memory>
#include <vector>

#include "proxy/upstream/cluster.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/endpoint_chooser.h"
#include "proxy/upstream/endpoint_pools.h"
#include "proxy/upstream/host_set.h"

namespace heirloom::upstream {

class WorkerClusterView final : public WorkerCluster, public PoolOwner, private ActiveRequests {
  public:
    // `cluster` outlives the view.
    WorkerClusterView(network::EventLoop& loop, Cluster& cluster, uint32_t worker, std::shared_ptr<const HostSet> hosts,
                      std::shared_ptr<const tls::ClientContext> tls = nullptr);
    ~WorkerClusterView() override;

    const config::ClusterConfig& config() const override { return context_.config; }
    const ClusterStats& stats() const override { return context_.stats; }
    using WorkerCluster::choose;
    EndpointLease choose(std::optional<uint64_t> hash) override;
    Acquired acquire(const EndpointLease& endpoint, http::ResponseDecoder& decoder, PoolCallbacks& callbacks,
                     const StreamNeeds& needs) override;
    TcpAcquired connect_tcp(EndpointLease endpoint, TcpCallbacks& callbacks, const StreamNeeds& needs) override;
    void report_status(const EndpointLease& endpoint, uint16_t status) override {
        outliers_.on_status(endpoint, status);
    }
    void report_local_origin(const EndpointLease& endpoint, LocalOrigin what) override {
        outliers_.on_local_origin(endpoint, what);
    }
    void report_told_to_leave(const EndpointLease& endpoint) override;
    bool take_retry() override { return budget_ ? budget_->try_take() : retries_.try_take(); }
    void give_back_retry() override { budget_ ? budget_->give_back() : retries_.give_back(); }

    // Pools of endpoints that stay are kept; those that left are drained of new requests. Connections to one that a
    // check, or its answers, found failed now take no new requests.
    void set_hosts(std::shared_ptr<const HostSet> hosts);
    // For connections from now on.
    void set_tls(std::shared_ptr<const tls::ClientContext> context) { context_.tls = std::move(context); }
    // Runtime values may be others; the shared limits have them already.
    void follow_runtime();
    void close_idle();
    size_t removed_pools() const { return removed_.size(); }

  private:
    void on_endpoint_finished(EndpointPools& pools) override;
    uint64_t active_requests(uint32_t index) const override {
        return pools_[index] ? pools_[index]->numbers().rq_active.read() : 0;
    }
    void keep_pools(const EndpointList& endpoints);
    void drain_failed(const HostSet& before);
    void follow_maintenance();

    const OutlierMonitor::Tell& tell_;
    std::vector<const EndpointUse*> told_to_leave_;  // and nothing has been heard of the cluster's health since
    const OutlierMonitor outliers_;
    PoolContext context_;
    WorkerLimit retries_;
    RetryBudget* const budget_;  // null: retries_
    EndpointChooser chooser_;
    std::shared_ptr<const HostSet> hosts_ = std::make_shared<const HostSet>();
    std::vector<std::unique_ptr<EndpointPools>> pools_;    // by index of the endpoint; null: not used yet
    std::vector<std::unique_ptr<EndpointPools>> leaving_;  // on their way to removed_
    std::vector<std::unique_ptr<EndpointPools>> removed_;  // their endpoint left, something still runs
};

}  // namespace heirloom::upstream
