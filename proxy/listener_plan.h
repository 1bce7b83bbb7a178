// SPDX-License-Identifier: Apache-2.0
// What the main thread prepares of each listener before workers start: per filter chain compiled routes, open log
// files, the TLS context and the stat handles of each worker; the sockets. Immutable afterwards; shared by all workers.
#pragma once

#include <memory>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/connection_manager_stats.h"
#include "proxy/handover/inherited_sockets.h"
#include "proxy/listener/connection_limits.h"
#include "proxy/listener/filter_chain_match.h"
#include "proxy/listener/listener_stats.h"
#include "proxy/router/route_table.h"
#include "proxy/router/router_stats.h"
#include "proxy/tcp_proxy/tcp_proxy_stats.h"
#include "proxy/tls_contexts.h"

namespace heirloom::server {

using LogFiles = std::vector<std::shared_ptr<access_log::File>>;

struct ChainPlan {
    const config::FilterChainConfig* config = nullptr;  // lives in the snapshot
    std::shared_ptr<const router::RouteTable> routes;
    router::RouterStats router_stats;
    LogFiles log_files;
    std::vector<connection_manager::ConnectionManagerStats> stats;  // by worker
    std::vector<tcp_proxy::TcpProxyStats> tcp_stats;  // by worker; then routes and the stats above are none
    std::shared_ptr<const tls::ServerContext> tls;    // null: plain
};

struct ListenerPlan {
    const config::ListenerConfig* config = nullptr;               // lives in the snapshot
    std::vector<ChainPlan> chains;                                // the default filter chain comes last
    std::shared_ptr<const listener::FilterChainMatcher> matcher;  // null: there is nothing to choose
    LogFiles log_files;
    listener::ListenerStats stats;
    listener::ListenerFilterStats filter_stats;
    std::unique_ptr<network::ListenerCounts> counts;
    listener::ConnectionLimits limits;
    handover::ListeningSocket socket;  // filled in when bound

    bool inbound() const { return config->traffic_direction == config::ListenerConfig::Direction::inbound; }
};

// Opens what each of `configs` writes to. Error: "unable to open file ...".
Result<LogFiles> open_logs(access_log::AccessLogManager& manager, const std::vector<config::AccessLogConfig>& configs);

// Do connections of who ignores the limit of the process, or does not, count for it? As in Envoy: those who ignore it
// do not count for the overload manager's, and do for the runtime's.
inline bool counts_for_others(const config::Snapshot& snapshot, bool ignore_global_conn_limit) {
    return !ignore_global_conn_limit || !snapshot.max_downstream_connections;
}

// One plan per listener of the snapshot, without sockets. `contexts` were made of the same snapshot; `connections`, of
// the process, outlives the plans.
Result<std::vector<ListenerPlan>> make_listener_plans(const config::Snapshot& snapshot, uint32_t workers,
                                                      stats::Registrar& registrar, access_log::AccessLogManager& logs,
                                                      const TlsContexts& contexts,
                                                      network::ConnectionCount& connections);

handover::SocketRequest socket_request_of(const config::ListenerConfig& listener);
handover::SocketRequest socket_request_of(const config::AdminConfig& admin);

}  // namespace heirloom::server
