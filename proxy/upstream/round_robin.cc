// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/round_robin.h"

#include <algorithm>

namespace heirloom::upstream {

void RoundRobin::set_endpoints(const EndpointList& endpoints) {
    count_ = endpoints.size();
    weights_.clear();
    heap_.clear();
    const bool equal = std::all_of(endpoints.begin(), endpoints.end(), [&](const auto& endpoint) {
        return endpoint->weight() == endpoints.front()->weight();
    });
    if (equal) return;
    for (const auto& endpoint : endpoints) {
        const uint32_t weight = std::max(endpoint->weight(), 1u);
        heap_.push_back({1.0 / weight, order_++, static_cast<uint32_t>(weights_.size())});
        weights_.push_back(weight);
    }
    std::make_heap(heap_.begin(), heap_.end());
    // Begin at this worker's place; the rest of a long cycle would gain nothing.
    for (size_t i = 0; i < next_ % count_; ++i) choose_weighted();
}

size_t RoundRobin::choose() {
    if (!weights_.empty()) return choose_weighted();
    if (next_ >= count_) next_ %= static_cast<uint32_t>(count_);
    return next_++;
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
