// SPDX-License-Identifier: Apache-2.0
// What the admin interface may ask of the server: implemented by proxy/server.cc, faked in tests. Main thread only.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/runtime/layers.h"
#include "proxy/tls/context.h"
#include "proxy/upstream/cluster_manager.h"
#include "shm/segment.h"

namespace heirloom::admin {

enum class ServerState { live = 0, draining = 1, pre_initializing = 2, initializing = 3 };

struct ListenerStatus {
    std::string name;
    shm::SocketAddress address;  // as bound (real port)
};

class ServerView {
  public:
    virtual ~ServerView() = default;
    virtual ServerState state() const = 0;  // draining = failed by /healthcheck/fail, as Envoy
    virtual const config::Snapshot& snapshot() const = 0;
    virtual shm::Segment& segment() = 0;
    virtual std::vector<ListenerStatus> listeners() const = 0;
    virtual std::vector<upstream::ClusterStatus> clusters() const = 0;
    // Of filter chains and clusters.
    virtual std::vector<std::shared_ptr<const tls::Context>> tls_contexts() const = 0;
    virtual uint32_t epoch() const = 0;
    virtual uint32_t generation_slot() const = 0;
    virtual std::chrono::seconds uptime_current() const = 0;
    virtual std::chrono::seconds uptime_all() const = 0;
    // (name, JSON value text) in Envoy's order: command_line_options of /server_info.
    virtual std::vector<std::pair<std::string, std::string>> command_line_options() const = 0;
    virtual std::string hot_restart_version() const = 0;

    virtual void fail_health_check(bool failed) = 0;
    virtual void drain_listeners(bool graceful, bool inbound_only, bool skip_exit) = 0;
    virtual void reopen_logs() = 0;
    virtual void quit() = 0;  // /quitquitquit
    virtual void reset_counters() = 0;
    virtual void flush_stats() = 0;  // tells the stats_sinks
    virtual const std::vector<runtime::Layer>& runtime_layers() const = 0;
    // An empty value takes the key's away. Error: no admin layer, or a value is no YAML; then nothing changes.
    virtual Status modify_runtime(const std::vector<std::pair<std::string, std::string>>& values) = 0;
};

}  // namespace heirloom::admin
