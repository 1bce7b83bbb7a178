// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/cluster_choice.h"

namespace heirloom::router {

uint32_t choose_weighted(const std::vector<config::WeightedCluster>& clusters, uint64_t random) {
    uint64_t sum = 0;
    for (const config::WeightedCluster& cluster : clusters) sum += cluster.weight;
    uint64_t rest = random % sum;
    uint32_t index = 0;
    while (rest >= clusters[index].weight) rest -= clusters[index++].weight;
    return index;
}

std::string_view cluster_by_header(const std::string& cluster_header, const http::HeaderMap& headers) {
    const http::HeaderField* const field = headers.find(cluster_header);
    return field ? field->value : std::string_view();
}

}  // namespace heirloom::router
