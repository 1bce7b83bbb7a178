// SPDX-License-Identifier: Apache-2.0
// Clusters as they run. The main thread owns the truth (ClusterManager: endpoints and their health, DNS, checks); each
// worker has its own view (WorkerClusters: endpoint list, load balancer, pools) that the main thread updates by post.
// Nothing is shared but immutable lists of endpoints and their health.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/http/codec.h"
#include "proxy/network/event_loop.h"
#include "proxy/stats/store.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/connection_pool.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/host_health.h"
#include "proxy/upstream/tcp_upstream.h"

namespace heirloom::upstream {

// One cluster on one worker.
class WorkerCluster {
  public:
    virtual ~WorkerCluster() = default;
    virtual const config::ClusterConfig& config() const = 0;
    virtual const ClusterStats& stats() const = 0;
    // Load balancing; empty = no endpoint (503 UH). `hash`: of the request, by its route's hash_policy.
    virtual EndpointLease choose(std::optional<uint64_t> hash) = 0;
    EndpointLease choose() { return choose(std::nullopt); }
    // Asks for a connection to the leased endpoint; the decoder gets the response. No callback before this returns:
    // what is known at once is in the result.
    virtual Acquired acquire(const EndpointLease& endpoint, http::ResponseDecoder& decoder, PoolCallbacks& callbacks,
                             const StreamNeeds& needs) = 0;
    // Opens a raw connection to the endpoint, which keeps the lease. No callback before this returns.
    virtual TcpAcquired connect_tcp(EndpointLease endpoint, TcpCallbacks& callbacks, const StreamNeeds& needs) = 0;
    // What became of a request at the endpoint, for outlier detection: the status of its response (of a gRPC error that
    // which it stands for), or what happened before one.
    virtual void report_status(const EndpointLease& endpoint, uint16_t status) = 0;
    virtual void report_local_origin(const EndpointLease& endpoint, LocalOrigin what) = 0;
    // A response said x-envoy-immediate-health-check-fail.
    virtual void report_told_to_leave(const EndpointLease& endpoint) = 0;
    // A unit of max_retries; false: none is left. One that was taken is given back when the retry has its response, or
    // has failed.
    virtual bool take_retry() = 0;
    virtual void give_back_retry() = 0;
    // Of 100 requests so many are refused, by the runtime's upstream.maintenance_mode.<name>; more than 100: all.
    uint64_t maintenance_percent() const { return maintenance_percent_; }

  protected:
    uint64_t maintenance_percent_ = 0;
};

// One worker's clusters; created and destroyed on that worker's thread.
class WorkerClusters {
  public:
    virtual ~WorkerClusters() = default;
    // Null: no such cluster. The result lives as long as this; a cluster nobody asks for costs a worker nothing.
    virtual WorkerCluster* find(std::string_view name) = 0;
    // Drain: idle upstream connections are of no use any more. Those that run go on.
    virtual void close_idle() = 0;
    // Copies of requests may outlive the connections that brought these: a worker that drains waits for them, too. Told
    // +1 and -1 of each.
    void on_background(std::function<void(int change)> told) { background_ = std::move(told); }
    void note_background(int change) {
        if (background_) background_(change);
    }

  private:
    std::function<void(int change)> background_;
};

struct ClusterStatus {  // for /clusters
    const config::ClusterConfig* config;
    struct EndpointStatus {
        shm::SocketAddress address;
        std::string hostname;
        uint32_t weight;
        std::string region, zone, sub_zone;
        EndpointNumbers numbers;
        uint32_t priority = 0;
        HealthFlags health = 0;
    };
    std::vector<EndpointStatus> endpoints;
};

class ClusterManager {
  public:
    // Main thread. Registers stats, starts DNS.
    static std::unique_ptr<ClusterManager> create(network::EventLoop& main_loop,
                                                  std::shared_ptr<const config::Snapshot> snapshot,
                                                  stats::Registrar& registrar);
    virtual ~ClusterManager() = default;
    // `done` once, when each cluster had its first resolution (success or failure) and each of its endpoints its first
    // health check; maybe at once.
    virtual void on_initialized(std::function<void()> done) = 0;
    // Called on the worker's thread (after initialisation). `worker` counts from 0. The result is destroyed on that
    // thread before its loop, and may outlive the manager.
    virtual std::unique_ptr<WorkerClusters> make_worker(network::EventLoop& loop, uint32_t worker) = 0;
    virtual std::vector<ClusterStatus> status() const = 0;  // main thread
    // Main thread. The generation drains: no more health checks, the health of each endpoint stays as it is. What only
    // the live generation shows becomes 0.
    virtual void retire() = 0;
    // Main thread. Runtime values are others, each worker has them or gets them before what this posts to it.
    virtual void follow_runtime() = 0;
    // Main thread. What new connections of `cluster` speak TLS with; those that are open keep what they began with.
    virtual void set_tls(std::string_view cluster, std::shared_ptr<const tls::ClientContext> context) = 0;
};

}  // namespace heirloom::upstream
