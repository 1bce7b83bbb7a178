// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/hash_load_balancers.h"

#include <algorithm>
#include <cmath>

#include "proxy/config/load_balancing_config.h"
#include "proxy/network/xxhash64.h"

namespace heirloom::upstream {

namespace {

using network::xxhash64;

std::string key_of(const Candidate& candidate, bool by_hostname) {
    const Endpoint& endpoint = *candidate.endpoint;
    return by_hostname ? endpoint.hostname() : endpoint.address().to_string();
}

double weight_of_all(std::span<const Candidate> candidates) {
    double sum = 0;
    for (const Candidate& candidate : candidates) sum += candidate.weight;
    return sum;
}

}  // namespace

RingHash::RingHash(std::span<const Candidate> candidates, uint64_t minimum_size, uint64_t maximum_size,
                   bool by_hostname) {
    const double all = weight_of_all(candidates);
    double least = 1;
    for (const Candidate& candidate : candidates) least = std::min(least, candidate.weight / all);
    // Big enough that the lightest endpoint has whole places.
    const double scale =
        std::min(std::ceil(least * static_cast<double>(minimum_size)) / least, static_cast<double>(maximum_size));
    ring_.reserve(static_cast<size_t>(std::ceil(scale)));
    double wanted = 0;
    for (const Candidate& candidate : candidates) {
        std::string place = key_of(candidate, by_hostname) + '_';
        const size_t length = place.size();
        wanted += scale * candidate.weight / all;
        for (uint64_t number = 0; static_cast<double>(ring_.size()) < wanted; ++number) {
            place.resize(length);
            place += std::to_string(number);
            ring_.emplace_back(xxhash64(place), candidate.index);
        }
    }
    std::sort(ring_.begin(), ring_.end());
}

uint32_t RingHash::choose(uint64_t hash) const {
    const auto next = std::lower_bound(ring_.begin(), ring_.end(), std::pair<uint64_t, uint32_t>(hash, 0));
    return next == ring_.end() ? ring_.front().second : next->second;
}

Maglev::Maglev(std::span<const Candidate> candidates, uint64_t size, bool by_hostname) {
    struct Entry {
        uint64_t next, skip;
        double weight;
        double target = 0;
    };
    std::vector<Entry> entries;
    double heaviest = 0;
    for (const Candidate& candidate : candidates) {
        const std::string key = key_of(candidate, by_hostname);
        entries.push_back(
            {xxhash64(key) % size, xxhash64(key, 1) % (size - 1) + 1, static_cast<double>(candidate.weight)});
        heaviest = std::max(heaviest, entries.back().weight);
    }
    table_.resize(size);
    // Most of the time goes into looking for places that are free: bits, as the table of a big one is in no cache.
    std::vector<bool> taken(size);
    uint64_t filled = 0;
    for (uint64_t round = 1; filled < size; ++round) {
        for (size_t i = 0; i < entries.size() && filled < size; ++i) {
            Entry& entry = entries[i];
            // The heaviest one takes a place in each round, one of a third of its weight in each third.
            if (static_cast<double>(round) * entry.weight < entry.target) continue;
            entry.target += heaviest;
            uint64_t place = 0;
            do {
                place = entry.next;
                entry.next += entry.skip;
                if (entry.next >= size) entry.next -= size;
            } while (taken[place]);
            taken[place] = true;
            table_[place] = candidates[i].index;
            ++filled;
        }
    }
}

bool uses_hash_table(const config::ClusterConfig& config) {
    if (!config.load_balancing) return false;
    const auto policy = config.load_balancing->policy;
    return policy == config::LoadBalancingConfig::Policy::ring_hash ||
           policy == config::LoadBalancingConfig::Policy::maglev;
}

std::shared_ptr<const HashTable> make_hash_table(const config::ClusterConfig& config,
                                                 std::span<const Candidate> candidates) {
    const config::LoadBalancingConfig& how = *config.load_balancing;
    if (how.policy == config::LoadBalancingConfig::Policy::maglev)
        return std::make_shared<const Maglev>(candidates, how.table_size, how.by_hostname);
    return std::make_shared<const RingHash>(candidates, how.minimum_ring_size, how.maximum_ring_size, how.by_hostname);
}

}  // namespace heirloom::upstream
