// SPDX-License-Identifier: Apache-2.0
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

void read_clusters(const TcpProxy& message, const Path& path, TcpProxyConfig& config, Problems& problems) {
    switch (message.cluster_specifier_case()) {
        case TcpProxy::kCluster:
            require_text(message.cluster(), path.field("cluster"), problems);
            config.clusters.push_back({message.cluster(), 1});
            break;
        case TcpProxy::kWeightedClusters: {
            const Path at = path.field("weighted_clusters").field("clusters");
            const auto& clusters = message.weighted_clusters().clusters();
            if (clusters.empty()) problems.error(at, "at least one is required");
            uint64_t sum = 0;
            for (int i = 0; i < clusters.size(); ++i) {
                const Path item = at.item(static_cast<size_t>(i));
                require_text(clusters[i].name(), item.field("name"), problems);
                if (clusters[i].weight() == 0) problems.error(item.field("weight"), "must be at least 1");
                sum += clusters[i].weight();
                config.clusters.push_back({clusters[i].name(), clusters[i].weight()});
            }
            if (sum > UINT32_MAX) problems.error(at, "the sum of weights must be at most 4294967295");
            break;
        }
        case TcpProxy::CLUSTER_SPECIFIER_NOT_SET:
            problems.error(path, "one of cluster, weighted_clusters is required");
            break;
    }
}

}  // namespace

// As in Envoy a cluster may be missing: connections for it are then closed.
std::shared_ptr<const TcpProxyConfig> read_tcp_proxy(const TcpProxy& message, const Path& path, Problems& problems) {
    auto config = std::make_shared<TcpProxyConfig>();
    config->stat_prefix = message.stat_prefix();
    require_text(config->stat_prefix, path.field("stat_prefix"), problems);
    read_clusters(message, path, *config, problems);
    READ_DURATION(message, idle_timeout, path, problems, config->idle_timeout);
    READ_DURATION(message, max_downstream_connection_duration, path, problems, config->max_connection_duration);
    if (message.has_max_downstream_connection_duration() && config->max_connection_duration.count() == 0) {
        problems.error(path.field("max_downstream_connection_duration"), "must be at least 0.001s");
    }
    READ_WRAPPED(message, max_connect_attempts, config->max_connect_attempts);
    if (config->max_connect_attempts == 0) problems.error(path.field("max_connect_attempts"), "must be at least 1");
    for (int i = 0; i < message.access_log_size(); ++i) {
        config->access_logs.push_back(
            read_access_log(message.access_log(i), path.item("access_log", static_cast<size_t>(i)), problems));
    }
    const auto& log_options = message.access_log_options();
    config->access_log_options = read_log_interval(log_options, path.field("access_log_options"), problems);
    config->access_log_options.at_tunnel = log_options.flush_access_log_on_connected();
    return config;
}

}  // namespace heirloom::config
