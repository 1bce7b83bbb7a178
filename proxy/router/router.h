// SPDX-License-Identifier: Apache-2.0
// The router: answers a stream by its route (forward, redirect, direct response). One factory per connection manager
// configuration and worker.
#pragma once

#include <memory>

#include "proxy/config/snapshot.h"
#include "proxy/http/stream.h"
#include "proxy/router/route_table.h"
#include "proxy/router/router_stats.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::router {

// `table` is compiled once per snapshot (RouteTable::compile) and shared by the workers.
std::unique_ptr<http::StreamHandlerFactory> make_router(
    std::shared_ptr<const config::HttpConnectionManagerConfig> config, std::shared_ptr<const RouteTable> table,
    RouterStats stats, upstream::WorkerClusters& clusters);

}  // namespace heirloom::router
