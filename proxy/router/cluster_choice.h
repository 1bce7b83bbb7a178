// SPDX-License-Identifier: Apache-2.0
// Which cluster a request goes to, where its route names more than one: by weights or by a field of the request.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/config/route_config.h"
#include "proxy/http/headers.h"

namespace heirloom::router {

// Index of one of `clusters` (not empty, the sum of weights is positive). Runtime values replace weights; where they
// leave none, the first.
uint32_t choose_weighted(const std::vector<config::WeightedCluster>& clusters, uint64_t random);

// The name that the request's field `cluster_header` gives; "" when it has none.
std::string_view cluster_by_header(const std::string& cluster_header, const http::HeaderMap& headers);

}  // namespace heirloom::router
