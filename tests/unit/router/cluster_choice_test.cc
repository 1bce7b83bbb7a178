// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/cluster_choice.h"

#include <doctest/doctest.h>

#include <array>

namespace heirloom::router {

namespace {

std::vector<config::WeightedCluster> weights(std::initializer_list<uint32_t> list) {
    std::vector<config::WeightedCluster> clusters;
    for (const uint32_t weight : list) clusters.emplace_back().weight = weight;
    return clusters;
}

}  // namespace

TEST_CASE("each gets its share of the numbers, and one of weight 0 none") {
    const auto clusters = weights({0, 1, 3, 0, 6});
    std::array<int, 5> hits{};
    for (uint64_t number = 0; number < 100; ++number) ++hits[choose_weighted(clusters, number)];
    CHECK(hits == std::array<int, 5>{0, 10, 30, 0, 60});
    CHECK(choose_weighted(weights({5}), UINT64_MAX) == 0);
    const auto heavy = weights({UINT32_MAX - 1, 1});
    CHECK(choose_weighted(heavy, UINT32_MAX - 2) == 0);
    CHECK(choose_weighted(heavy, UINT32_MAX - 1) == 1);
}

TEST_CASE("a cluster by the request's field") {
    http::HeaderMap headers;
    headers.add_copy("x-cluster", "blue");
    CHECK(cluster_by_header("x-cluster", headers) == "blue");
    CHECK(cluster_by_header("x-other", headers) == "");
}

}  // namespace heirloom::router
