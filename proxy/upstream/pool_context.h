// SPDX-License-Identifier: Apache-2.0
// PoolContext: what all connections of one cluster on one worker have in common.
#pragma once

#include <memory>

#include "proxy/config/snapshot.h"
#include "proxy/network/event_loop.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/circuit_breaker.h"
#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/outlier_monitor.h"

namespace heirloom::upstream {

struct PoolContext {
    network::EventLoop& loop;
    const config::ClusterConfig& config;
    const ClusterStats& stats;
    WorkerLimit connections;
    WorkerLimit pending;
    WorkerLimit requests;
    const OutlierMonitor& outliers;
    std::shared_ptr<const tls::ClientContext> tls;  // for new connections; null: none, or not there yet
};

}  // namespace heirloom::upstream
