// SPDX-License-Identifier: Apache-2.0
// Cluster: what all threads share of one cluster: its configuration, its stat handles, its limits. Made on the main
// thread before any worker sees it; afterwards only the limits change (atomics).
#pragma once

#include "proxy/config/snapshot.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/outlier_monitor.h"

namespace heirloom::upstream {

struct Cluster {
    Cluster(const config::ClusterConfig& with, const ClusterStats& handles)
        : config(with),
          stats(handles),
          connections(with.max_connections, handles.circuit_breakers.cx_open),
          pending(with.max_pending_requests, handles.circuit_breakers.rq_pending_open),
          requests(with.max_requests, handles.circuit_breakers.rq_open),
          retries(with.max_retries, handles.circuit_breakers.rq_retry_open) {}

    const config::ClusterConfig& config;
    const ClusterStats stats;
    // Any worker, seldom: what it found out about an endpoint. Set before any worker is there.
    OutlierMonitor::Tell tell = [](const auto&, EndpointEvent) {};
    SharedLimit connections;
    SharedLimit pending;
    SharedLimit requests;
    SharedLimit retries;
};

}  // namespace heirloom::upstream
