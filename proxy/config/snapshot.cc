// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/snapshot.h"

#include <algorithm>

namespace heirloom::config {

const ClusterConfig* Snapshot::find_cluster(std::string_view name) const {
    const auto found = std::find_if(clusters.begin(), clusters.end(),
                                    [&](const ClusterConfig& cluster) { return cluster.name == name; });
    return found == clusters.end() ? nullptr : &*found;
}

}  // namespace heirloom::config
