// SPDX-License-Identifier: Apache-2.0
// What the main thread prepares of each listener before workers start: compiled routes, open log files, the sockets,
// and the stat handles of each worker. Immutable afterwards; shared by all workers.
#pragma once

#include <memory>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/config/snapshot.h"
#include "proxy/connection_manager/connection_manager_stats.h"
#include "proxy/handover/inherited_sockets.h"
#include "proxy/router/route_table.h"
#include "proxy/router/router_stats.h"

namespace heirloom::server {

using LogFiles = std::vector<std::shared_ptr<access_log::File>>;

struct ListenerPlan {
    const config::ListenerConfig* config = nullptr;  // lives in the snapshot
    std::shared_ptr<const router::RouteTable> routes;
    router::RouterStats router_stats;
    LogFiles log_files;
    std::vector<connection_manager::ConnectionManagerStats> stats;  // by worker
    handover::ListeningSocket socket;                               // filled in when bound

    bool inbound() const { return config->traffic_direction == config::ListenerConfig::Direction::inbound; }
};

// Opens what each of `configs` writes to. Error: "unable to open file ...".
Result<LogFiles> open_logs(access_log::AccessLogManager& manager, const std::vector<config::AccessLogConfig>& configs);

// One plan per listener of the snapshot, without sockets.
Result<std::vector<ListenerPlan>> make_listener_plans(const config::Snapshot& snapshot, uint32_t workers,
                                                      stats::Registrar& registrar, access_log::AccessLogManager& logs);

handover::SocketRequest socket_request_of(const config::ListenerConfig& listener);
handover::SocketRequest socket_request_of(const config::AdminConfig& admin);

}  // namespace heirloom::server
