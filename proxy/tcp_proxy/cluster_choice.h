// SPDX-License-Identifier: Apache-2.0
// ClusterChoice: which cluster a connection goes to: the only one, or one of the weighted ones by chance. Looks each up
// once, when it is first chosen. Worker's thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::tcp_proxy {

class ClusterChoice {
  public:
    // `config` and `clusters` outlive this. REQUIRES: at least one cluster, the sum of weights fits in 32 bits.
    ClusterChoice(const config::TcpProxyConfig& config, upstream::WorkerClusters& clusters);

    bool by_chance() const { return entries_.size() > 1; }
    // Null: there is no cluster of that name. `random`: evenly spread; looked at only where there is a choice.
    upstream::WorkerCluster* choose(uint64_t random);

  private:
    struct Entry {
        std::string_view name;
        uint64_t end;  // sum of the weights up to and with this one
        upstream::WorkerCluster* cluster = nullptr;
    };

    upstream::WorkerClusters& clusters_;
    std::vector<Entry> entries_;
};

}  // namespace heirloom::tcp_proxy
