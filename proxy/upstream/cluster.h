// SPDX-License-Identifier: Apache-2.0
// Cluster: what all threads share of one cluster: its configuration, its stat handles, its limits. Made on the main
// thread before any worker sees it; afterwards only the limits change (atomics).
#pragma once

#include <optional>

#include "proxy/config/snapshot.h"
#include "proxy/runtime/table.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/outlier_monitor.h"
#include "proxy/upstream/retry_budget.h"

namespace heirloom::upstream {

struct Cluster {
    Cluster(const config::ClusterConfig& with, const ClusterStats& handles)
        : config(with),
          stats(handles),
          connections(with.max_connections, handles.circuit_breakers.cx_open),
          pending(with.max_pending_requests, handles.circuit_breakers.rq_pending_open),
          requests(with.max_requests, handles.circuit_breakers.rq_open),
          retries(with.max_retries, with.retry_budget ? stats::Gauge{} : handles.circuit_breakers.rq_retry_open) {
        follow_runtime();
        if (with.retry_budget)
            budget.emplace(*with.retry_budget, requests, pending, handles.circuit_breakers.rq_retry_open);
    }

    // Main thread: runtime values may be others.
    void follow_runtime() {
        const auto follow = [this](SharedLimit& limit, const char* name, uint32_t configured) {
            const auto key = config::RuntimeKey::find("circuit_breakers." + config.name + ".default." + name);
            limit.set_limit(runtime::integer32(key, configured));
        };
        follow(connections, "max_connections", config.max_connections);
        follow(pending, "max_pending_requests", config.max_pending_requests);
        follow(requests, "max_requests", config.max_requests);
        follow(retries, "max_retries", config.max_retries);
    }

    const config::ClusterConfig& config;
    const ClusterStats stats;
    // Any worker, seldom: what it found out about an endpoint. Set before any worker is there.
    OutlierMonitor::Tell tell = [](const auto&, EndpointEvent) {};
    SharedLimit connections;
    SharedLimit pending;
    SharedLimit requests;
    SharedLimit retries;
    std::optional<RetryBudget> budget;  // stands for `retries`
};

}  // namespace heirloom::upstream
