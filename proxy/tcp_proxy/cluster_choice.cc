// SPDX-License-Identifier: Apache-2.0
#include "proxy/tcp_proxy/cluster_choice.h"

#include <algorithm>

namespace heirloom::tcp_proxy {

ClusterChoice::ClusterChoice(const config::TcpProxyConfig& config, upstream::WorkerClusters& clusters)
    : clusters_(clusters) {
    uint64_t sum = 0;
    for (const auto& cluster : config.clusters) entries_.push_back({cluster.name, sum += cluster.weight});
}

upstream::WorkerCluster* ClusterChoice::choose(uint64_t random) {
    auto chosen = entries_.begin();
    if (by_chance()) {
        const uint64_t at = random % entries_.back().end;
        chosen = std::upper_bound(entries_.begin(), entries_.end(), at,
                                  [](uint64_t value, const Entry& entry) { return value < entry.end; });
    }
    if (!chosen->cluster) chosen->cluster = clusters_.find(chosen->name);
    return chosen->cluster;
}

}  // namespace heirloom::tcp_proxy
