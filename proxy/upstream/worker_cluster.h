// SPDX-License-Identifier: Apache-2.0
// WorkerClusterView: one cluster on one worker: its endpoint list, its load balancer, one pool per endpoint in use.
// Made when the worker first asks for the cluster; pools are made when an endpoint is first chosen.
#pragma once

#include <memory>
#include <vector>

#include "proxy/upstream/cluster.h"
#include "proxy/upstream/cluster_manager.h"
#include "proxy/upstream/http1_pool.h"
#include "proxy/upstream/round_robin.h"

namespace heirloom::upstream {

class WorkerClusterView final : public WorkerCluster, public PoolOwner {
  public:
    // `cluster` outlives the view.
    WorkerClusterView(network::EventLoop& loop, Cluster& cluster, uint32_t worker,
                      std::shared_ptr<const EndpointList> endpoints);
    ~WorkerClusterView() override;

    const config::ClusterConfig& config() const override { return context_.config; }
    const ClusterStats& stats() const override { return context_.stats; }
    EndpointLease choose() override;
    Acquired acquire(const EndpointLease& endpoint, http::ResponseDecoder& decoder, PoolCallbacks& callbacks,
                     bool fresh) override;
    bool take_retry() override { return retries_.try_take(); }
    void give_back_retry() override { retries_.give_back(); }

    // Pools of endpoints that stay are kept; those that left are drained of new requests.
    void set_endpoints(std::shared_ptr<const EndpointList> endpoints);
    void close_idle();
    size_t removed_pools() const { return removed_.size(); }

  private:
    void on_pool_finished(Http1Pool& pool) override;

    PoolContext context_;
    WorkerLimit retries_;
    RoundRobin round_robin_;
    std::shared_ptr<const EndpointList> endpoints_;
    std::vector<std::unique_ptr<Http1Pool>> pools_;    // by index of the endpoint; null: not used yet
    std::vector<std::unique_ptr<Http1Pool>> removed_;  // their endpoint left, something still runs
};

}  // namespace heirloom::upstream
