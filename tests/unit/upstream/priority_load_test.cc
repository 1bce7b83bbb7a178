// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/priority_load.h"

#include <doctest/doctest.h>

#include <string>

namespace heirloom::upstream {

namespace {

// "healthy/degraded" of each priority, "!" where it is in panic.
std::string shared(const std::vector<PriorityCounts>& counts, uint32_t threshold = 50, uint32_t factor = 140) {
    std::string text;
    for (const PriorityLoad& load : share_load(counts, factor, threshold)) {
        if (!text.empty()) text += ' ';
        text += std::to_string(load.healthy) + "/" + std::to_string(load.degraded) + (load.panic ? "!" : "");
    }
    return text;
}

}  // namespace

TEST_CASE("the first priority takes all while its healthy endpoints make up for the others") {
    CHECK(shared({{10, 10}, {10, 10}}) == "100/0 0/0");
    CHECK(shared({{100, 72}, {100, 100}}) == "100/0 0/0");
    CHECK(shared({{100, 71}, {100, 100}}) == "99/0 1/0");
    CHECK(shared({{10, 5}, {10, 10}}) == "70/0 30/0");
    CHECK(shared({{10, 5}, {10, 10}}, 50, 100) == "50/0 50/0");
    CHECK(shared({{10, 0}, {10, 10}}) == "0/0 100/0");
}

TEST_CASE("what healthy endpoints cannot take goes to degraded ones, the first priority's first") {
    CHECK(shared({{10, 5, 5}}) == "70/30");
    CHECK(shared({{10, 5, 5}, {10, 10}}) == "70/0 30/0");
    CHECK(shared({{10, 0, 10}}) == "0/100");
    CHECK(shared({{10, 3, 4}, {10, 1}}) == "42/44 14/0");
}

TEST_CASE("too few available endpoints: panic, unless all load finds a place") {
    CHECK(shared({{10, 5}}) == "100/0");
    CHECK(shared({{10, 4}}) == "100/0!");
    CHECK(shared({{10, 0}}) == "100/0!");
    CHECK(shared({{10, 0}}, 0) == "100/0");  // never panic: nobody is chosen
    CHECK(shared({{10, 4}}, 30) == "100/0");
    CHECK(shared({{10, 8}}, 100) == "100/0");   // 112 %
    CHECK(shared({{10, 7}}, 100) == "100/0!");  // 98 %
    CHECK(shared({{10, 2}, {10, 10}}) == "28/0 72/0");
    CHECK(shared({{10, 2}, {10, 5}}) == "29/0! 71/0");
}

TEST_CASE("in panic everywhere the load goes by the number of endpoints") {
    CHECK(shared({{10, 1}, {20, 1}}) == "34/0! 66/0!");
    CHECK(shared({{0, 0}, {20, 0}}) == "0/0! 100/0!");
    CHECK(shared({{0, 0}}) == "100/0!");
}

TEST_CASE("excluded endpoints count neither way") {
    CHECK(shared({{10, 4, 0, 4}}) == "100/0");  // 4 of 6
    CHECK(shared({{10, 2, 0, 5}, {1, 1}}) == "56/0 44/0");
}

}  // namespace heirloom::upstream
