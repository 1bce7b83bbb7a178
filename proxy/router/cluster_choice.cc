// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/cluster_choice.h"

#include "proxy/runtime/table.h"

namespace heirloom::router {

uint32_t choose_weighted(const std::vector<config::WeightedCluster>& clusters, uint64_t random) {
    const auto weight_of = [](const config::WeightedCluster& cluster) {
        return uint64_t{runtime::integer32(cluster.weight_key, cluster.weight)};
    };
    uint64_t sum = 0;
    for (const config::WeightedCluster& cluster : clusters) sum += weight_of(cluster);
    if (sum == 0) return 0;
    uint64_t rest = random % sum;
    uint32_t index = 0;
    for (uint64_t weight = weight_of(clusters[index]); rest >= weight; weight = weight_of(clusters[index])) {
        rest -= weight;
        ++index;
    }
    return index;
}

std::string_view cluster_by_header(const std::string& cluster_header, const http::HeaderMap& headers) {
    const http::HeaderField* const field = headers.find(cluster_header);
    return field ? field->value : std::string_view();
}

}  // namespace heirloom::router
