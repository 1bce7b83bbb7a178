// SPDX-License-Identifier: Apache-2.0
// What the bootstrap says of statistics: which are kept and how they are named (stats_config), and who is told
// (stats_sinks).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/stats/rules.h"
#include "shm/socket_name.h"

namespace heirloom::config {

struct StatsSinkConfig {
    enum class Form { statsd, dog_statsd } form = Form::statsd;
    // Exactly one: datagrams to an address, or a connection to a cluster.
    std::optional<shm::SocketAddress> address;
    std::string tcp_cluster;
    std::string prefix = "envoy";
    uint64_t max_bytes_per_datagram = 0;  // lines are joined up to that; 0: one line in each
};

struct StatsConfig {
    stats::Rules rules;
    std::vector<StatsSinkConfig> sinks;
    bool flush_on_admin = false;  // only when /stats is asked
};

}  // namespace heirloom::config
