// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <map>

#include "proxy/network/xxhash64.h"
#include "proxy/upstream/hash_load_balancers.h"
#include "proxy/upstream/least_request.h"
#include "proxy/upstream/random_choice.h"

namespace heirloom::upstream {

namespace {

constexpr uint64_t kMostRing = 8 * 1024 * 1024;

struct Balanced : ActiveRequests {
    // Endpoints 127.0.0.1:7991 and on.
    explicit Balanced(const std::vector<uint32_t>& weights) {
        for (const uint32_t weight : weights) {
            EndpointIdentity identity;
            identity.address = *shm::make_ip_address("127.0.0.1", static_cast<uint16_t>(7991 + endpoints.size()));
            identity.hostname = "host" + std::to_string(endpoints.size());
            endpoints.push_back(std::make_shared<const Endpoint>(identity));
            candidates.push_back(
                {static_cast<uint32_t>(candidates.size()), static_cast<double>(weight), endpoints.back().get()});
        }
    }
    uint64_t active_requests(uint32_t index) const override {
        const auto found = active.find(index);
        return found == active.end() ? 0 : found->second;
    }
    uint32_t choose(LoadBalancer& balancer) { return balancer.choose({*this, random}); }
    // Of the hashes of "v0", "v1", ...; endpoints count from 1.
    static std::string by_hash(const HashTable& table) {
        std::string text;
        for (int i = 0; i < 40; ++i)
            text += static_cast<char>('1' + table.choose(network::xxhash64("v" + std::to_string(i))));
        return text;
    }
    RingHash ring(uint64_t minimum) const { return {candidates, minimum, kMostRing, false}; }
    Maglev maglev(uint64_t size) const { return {candidates, size, false}; }
    std::vector<int> shares(LoadBalancer& balancer, int picks) {
        std::vector<int> counts(candidates.size());
        for (int i = 0; i < picks; ++i) ++counts[choose(balancer)];
        return counts;
    }
    EndpointList endpoints;
    std::vector<Candidate> candidates;
    std::map<uint32_t, uint64_t> active;
    FastRandom random{7};
};

}  // namespace

// What a stock Envoy 1.36.4 chose for these endpoints and values.
TEST_CASE("ring hash and maglev choose what Envoy chooses") {
    Balanced equal({1, 1, 1, 1}), weighted({1, 2, 3, 10});
    CHECK(equal.by_hash(equal.ring(1024)) == "3321141244444443342434221334213341232323");
    CHECK(weighted.by_hash(weighted.ring(100)) == "4343332444344342442433414444434444224444");
    CHECK(equal.by_hash(equal.maglev(65537)) == "3112143333114123244133341321424242422212");
    CHECK(weighted.by_hash(weighted.maglev(1009)) == "3344344444424434144241344441442433434334");
}

TEST_CASE("who leaves takes only its own hashes along") {
    Balanced all({1, 1, 1, 1}), less({1, 1, 1, 1});
    less.candidates.erase(less.candidates.begin() + 1);
    const std::string before = all.by_hash(all.ring(1024)), after = less.by_hash(less.ring(768));  // 256 places each
    for (size_t i = 0; i < before.size(); ++i) {
        if (before[i] != '2') CHECK(before[i] == after[i]);
    }
    CHECK(before != after);
}

TEST_CASE("a ring has whole places for the lightest endpoint, up to its maximum; a table has places by name") {
    Balanced weighted({1, 1000});
    CHECK(weighted.ring(1024).size() == 2002);
    CHECK(RingHash(weighted.candidates, 10, 100, true).size() == 100);
    Balanced equal({1, 1});
    const Maglev by_name(equal.candidates, 13, true);
    int first = 0;
    for (uint64_t hash = 0; hash < 13; ++hash) first += by_name.choose(hash) == 0 ? 1 : 0;
    CHECK((first == 6 || first == 7));
}

TEST_CASE("random takes all alike, whatever they weigh") {
    Balanced weighted({1, 100});
    RandomChoice random;
    random.set_candidates(weighted.candidates, weighted);
    const auto counts = weighted.shares(random, 1000);
    CHECK(counts[0] > 400);
    CHECK(counts[1] > 400);
}

TEST_CASE("least request: of two that are drawn the less busy one") {
    Balanced equal({1, 1, 1, 1});
    equal.active = {{0, 9}, {1, 9}, {2, 9}, {3, 0}};
    LeastRequest two(2), many(64);
    two.set_candidates(equal.candidates, equal);
    CHECK(equal.shares(two, 1600)[3] > 600);  // 7 of 16
    CHECK(equal.shares(two, 1600)[3] < 800);
    many.set_candidates(equal.candidates, equal);
    CHECK(equal.shares(many, 100)[3] == 100);
}

TEST_CASE("least request with weights: requests that run lower them") {
    Balanced weighted({1, 3});
    LeastRequest least(2);
    least.set_candidates(weighted.candidates, weighted);
    CHECK(weighted.shares(least, 400)[1] == 300);
    weighted.active = {{1, 8}};
    const auto counts = weighted.shares(least, 400);
    CHECK(counts[0] > 290);
    CHECK(counts[0] < 310);
}

}  // namespace heirloom::upstream
