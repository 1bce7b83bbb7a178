// SPDX-License-Identifier: Apache-2.0
// Clusters as they run. The main thread owns the truth (ClusterManager: endpoints, DNS); each worker has its own view
// (WorkerClusters: endpoint list, load balancer, pools) that the main thread updates by post. Nothing is shared but
// immutable endpoint lists.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/http/codec.h"
#include "proxy/http/stream_info.h"
#include "proxy/network/event_loop.h"
#include "proxy/stats/store.h"
#include "proxy/upstream/cluster_stats.h"

namespace heirloom::upstream {

// Numbers of one endpoint for /clusters; summed over workers by the main thread (relaxed atomics, one writer each).
struct EndpointNumbers {
    uint64_t cx_active = 0, cx_connect_fail = 0, cx_total = 0;
    uint64_t rq_active = 0, rq_error = 0, rq_success = 0, rq_timeout = 0, rq_total = 0, rq_pending_active = 0;
};

class Endpoint;  // endpoint.h: address, hostname, weight, per-worker numbers; immutable identity, shared by pointer

// What a stream gets from the pool. All callbacks on the worker's thread, never before the call that asked returns.
class PoolCallbacks {
  public:
    virtual ~PoolCallbacks() = default;
    // `encoder` is valid until the stream ends; `reused`: the connection has carried a request before (the one safe retry).
    virtual void on_pool_ready(http::RequestEncoder& encoder, const Endpoint& endpoint, const shm::SocketAddress& local,
                               bool reused) = 0;
    // connection_failed, connection_timeout or overflow.
    virtual void on_pool_failure(http::StreamReset reason, const Endpoint* endpoint, std::string_view transport_failure) = 0;
};

class PoolTicket {  // a request that waits for a connection
  public:
    virtual ~PoolTicket() = default;
    virtual void cancel() = 0;  // no callback follows
};

// One cluster on one worker.
class WorkerCluster {
  public:
    virtual ~WorkerCluster() = default;
    virtual const config::ClusterConfig& config() const = 0;
    virtual const ClusterStats& stats() const = 0;
    // Load balancing: null = no endpoint (503 UH).
    virtual std::shared_ptr<const Endpoint> choose() = 0;
    // Asks for a connection to `endpoint`. The decoder gets the response. Returns null when on_pool_ready/failure was posted
    // for the next loop iteration or is called from the loop; the ticket otherwise. `fresh`: do not use a pooled connection.
    virtual PoolTicket* acquire(const std::shared_ptr<const Endpoint>& endpoint, http::ResponseDecoder& decoder,
                                PoolCallbacks& callbacks, bool fresh) = 0;
};

// One worker's clusters; created and destroyed on that worker's thread.
class WorkerClusters {
  public:
    virtual ~WorkerClusters() = default;
    virtual WorkerCluster* find(std::string_view name) = 0;
    virtual void close_idle() = 0;  // drain: idle upstream connections are of no use any more
};

struct ClusterStatus {  // for /clusters
    const config::ClusterConfig* config;
    struct EndpointStatus {
        shm::SocketAddress address;
        std::string hostname;
        uint32_t weight;
        std::string region, zone, sub_zone;
        EndpointNumbers numbers;
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
    // `done` once, when each cluster had its first resolution (success or failure); maybe at once.
    virtual void on_initialized(std::function<void()> done) = 0;
    // Called on the worker's thread (after initialisation). `worker` counts from 0.
    virtual std::unique_ptr<WorkerClusters> make_worker(network::EventLoop& loop, uint32_t worker) = 0;
    virtual std::vector<ClusterStatus> status() const = 0;  // main thread
};

}  // namespace heirloom::upstream
