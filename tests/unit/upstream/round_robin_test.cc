// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/round_robin.h"

#include <doctest/doctest.h>

namespace heirloom::upstream {

namespace {

std::vector<Candidate> candidates_of(const std::vector<uint32_t>& weights) {
    std::vector<Candidate> list;
    for (const uint32_t weight : weights)
        list.push_back({static_cast<uint32_t>(list.size()), static_cast<double>(weight), nullptr});
    return list;
}

const struct : ActiveRequests {
    uint64_t active_requests(uint32_t) const override { return 0; }
} kIdle;

std::string picks(RoundRobin& balancer, int count) {
    std::string text;
    FastRandom random(1);
    for (int i = 0; i < count; ++i) text += static_cast<char>('a' + balancer.choose({kIdle, random}));
    return text;
}

}  // namespace

TEST_CASE("equal weights are taken in turn, from the worker's own start") {
    RoundRobin first(0);
    first.set_candidates(candidates_of({1, 1, 1}), kIdle);
    CHECK(picks(first, 7) == "abcabca");
    RoundRobin second(1);
    second.set_candidates(candidates_of({5, 5, 5}), kIdle);
    CHECK(picks(second, 4) == "bcab");
}

TEST_CASE("different weights get their share, spread evenly") {
    RoundRobin balancer(0);
    balancer.set_candidates(candidates_of({1, 3}), kIdle);
    const std::string text = picks(balancer, 400);
    CHECK(std::count(text.begin(), text.end(), 'b') == 300);
    CHECK(text.find("aa") == std::string::npos);
    CHECK(text.find("bbbbb") == std::string::npos);
}

TEST_CASE("a shorter list is picked up where it is") {
    RoundRobin balancer(0);
    balancer.set_candidates(candidates_of({1, 1, 1, 1}), kIdle);
    CHECK(picks(balancer, 3) == "abc");
    balancer.set_candidates(candidates_of({1, 1}), kIdle);
    CHECK(picks(balancer, 3) == "bab");
}

}  // namespace heirloom::upstream
