// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/round_robin.h"

#include <algorithm>

namespace heirloom::upstream {

void RoundRobin::set_candidates(std::span<const Candidate> candidates) {
    indices_.clear();
    weights_.clear();
    heap_.clear();
    for (const Candidate& candidate : candidates) indices_.push_back(candidate.index);
    const bool equal = std::all_of(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
        return candidate.weight == candidates.front().weight;
    });
    if (equal) return;
    for (const Candidate& candidate : candidates) {
        const uint32_t weight = std::max(candidate.weight, 1u);
        heap_.push_back({1.0 / weight, order_++, static_cast<uint32_t>(weights_.size())});
        weights_.push_back(weight);
    }
    std::make_heap(heap_.begin(), heap_.end());
    // Begin at this worker's place; the rest of a long cycle would gain nothing.
    for (size_t i = 0; i < next_ % indices_.size(); ++i) choose_weighted();
}

uint32_t RoundRobin::choose() {
    if (!weights_.empty()) return indices_[choose_weighted()];
    if (next_ >= indices_.size()) next_ %= static_cast<uint32_t>(indices_.size());
    return indices_[next_++];
}

size_t RoundRobin::choose_weighted() {
    std::pop_heap(heap_.begin(), heap_.end());
    Entry& entry = heap_.back();
    const size_t index = entry.index;
    entry.deadline += 1.0 / weights_[index];
    entry.order = order_++;
    std::push_heap(heap_.begin(), heap_.end());
    return index;
}

}  // namespace heirloom::upstream
