// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/cluster_choice.h"

#include <doctest/doctest.h>

#include <array>

#include "proxy/runtime/table.h"

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

TEST_CASE("runtime values replace weights") {
    auto clusters = weights({1, 1, 2});
    clusters[0].weight_key = config::RuntimeKey::of("choice_test.split.a");
    clusters[1].weight_key = config::RuntimeKey::of("choice_test.split.b");
    const auto hits = [&] {
        std::array<int, 3> counted{};
        for (uint64_t number = 0; number < 100; ++number) ++counted[choose_weighted(clusters, number)];
        return counted;
    };
    CHECK(hits() == std::array<int, 3>{25, 25, 50});
    const runtime::Table table({{"choice_test.split.a", config::parse_runtime_value("0")},
                                {"choice_test.split.b", config::parse_runtime_value("8")}});
    runtime::set_thread_table(&table);
    CHECK(hits() == std::array<int, 3>{0, 80, 20});
    clusters.pop_back();
    CHECK(choose_weighted(clusters, 7) == 1);
    clusters.pop_back();
    CHECK(choose_weighted(clusters, 7) == 0);  // no weight is left
    runtime::set_thread_table(nullptr);
}

TEST_CASE("a cluster by the request's field") {
    http::HeaderMap headers;
    headers.add_copy("x-cluster", "blue");
    CHECK(cluster_by_header("x-cluster", headers) == "blue");
    CHECK(cluster_by_header("x-other", headers) == "");
}

}  // namespace heirloom::router
