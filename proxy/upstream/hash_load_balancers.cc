// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/hash_load_balancers.h"

#include <algorithm>
#include <cmath>

#include "proxy/network/xxhash64.h"

namespace heirloom::upstream {

namespace {

using network::xxhash64;

std::string key_of(const Candidate& candidate, bool by_hostname) {
    const Endpoint& endpoint = *candidate.endpoint;
    return by_hostname ? endpoint.hostname() : endpoint.address().to_string();
}

uint64_t hash_of(const ChoiceContext& context) { return context.hash ? *context.hash : context.random.next(); }

double weight_of_all(std::span<const Candidate> candidates) {
    double sum = 0;
    for (const Candidate& candidate : candidates) sum += candidate.weight;
    return sum;
}

}  // namespace

void RingHash::set_candidates(std::span<const Candidate> candidates, const ActiveRequests&) {
    const double all = weight_of_all(candidates);
    double least = 1;
    for (const Candidate& candidate : candidates) least = std::min(least, candidate.weight / all);
    // Big enough that the lightest endpoint has whole places.
    const double scale =
        std::min(std::ceil(least * static_cast<double>(minimum_size_)) / least, static_cast<double>(maximum_size_));
    ring_.clear();
    ring_.reserve(static_cast<size_t>(std::ceil(scale)));
    double wanted = 0;
    for (const Candidate& candidate : candidates) {
        std::string place = key_of(candidate, by_hostname_) + '_';
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

uint32_t RingHash::choose(const ChoiceContext& context) {
    const auto next = std::lower_bound(ring_.begin(), ring_.end(), std::pair<uint64_t, uint32_t>(hash_of(context), 0));
    return next == ring_.end() ? ring_.front().second : next->second;
}

void Maglev::set_candidates(std::span<const Candidate> candidates, const ActiveRequests&) {
    struct Entry {
        uint64_t offset, skip;
        double weight;
        double target = 0;
        uint64_t next = 0;
    };
    constexpr uint32_t kFree = UINT32_MAX;
    std::vector<Entry> entries;
    double heaviest = 0;
    for (const Candidate& candidate : candidates) {
        const std::string key = key_of(candidate, by_hostname_);
        entries.push_back(
            {xxhash64(key) % size_, xxhash64(key, 1) % (size_ - 1) + 1, static_cast<double>(candidate.weight)});
        heaviest = std::max(heaviest, entries.back().weight);
    }
    table_.assign(size_, kFree);
    uint64_t filled = 0;
    for (uint64_t round = 1; filled < size_; ++round) {
        for (size_t i = 0; i < entries.size() && filled < size_; ++i) {
            Entry& entry = entries[i];
            // The heaviest one takes a place in each round, one of a third of its weight in each third.
            if (static_cast<double>(round) * entry.weight < entry.target) continue;
            entry.target += heaviest;
            uint64_t place = 0;
            do {
                place = (entry.offset + entry.skip * entry.next++) % size_;
            } while (table_[place] != kFree);
            table_[place] = candidates[i].index;
            ++filled;
        }
    }
}

uint32_t Maglev::choose(const ChoiceContext& context) { return table_[hash_of(context) % size_]; }

}  // namespace heirloom::upstream
