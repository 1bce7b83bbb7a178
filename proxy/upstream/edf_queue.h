// SPDX-License-Identifier: Apache-2.0
// EdfQueue: earliest deadline first. Each entry comes up as often as its weight says, evenly spread; a pick costs
// O(log n). Entries are numbers that mean something to the owner.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace heirloom::upstream {

class EdfQueue {
  public:
    void clear() {
        heap_.clear();
        now_ = 0;
    }
    bool empty() const { return heap_.empty(); }
    // REQUIRES: weight > 0, here and below.
    void add(uint32_t entry, double weight) {
        heap_.push_back({now_ + 1.0 / weight, order_++, entry});
        std::push_heap(heap_.begin(), heap_.end());
    }
    // The next entry; it comes up again by the weight that `weight_of(entry)` has now. REQUIRES: not empty.
    template <class WeightOf>
    uint32_t pick(WeightOf&& weight_of) {
        std::pop_heap(heap_.begin(), heap_.end());
        Entry& first = heap_.back();
        const uint32_t entry = first.entry;
        now_ = first.deadline;
        first.deadline += 1.0 / weight_of(entry);
        first.order = order_++;
        std::push_heap(heap_.begin(), heap_.end());
        return entry;
    }

  private:
    struct Entry {
        double deadline;
        uint64_t order;  // of insertion: equal deadlines go in turn
        uint32_t entry;
        bool operator<(const Entry& other) const {  // heap order: the earliest on top
            return deadline != other.deadline ? deadline > other.deadline : order > other.order;
        }
    };
    std::vector<Entry> heap_;
    double now_ = 0;
    uint64_t order_ = 0;
};

// True when no weight differs from the others.
template <class Candidates>
bool equal_weights(const Candidates& candidates) {
    return std::all_of(candidates.begin(), candidates.end(),
                       [&](const auto& one) { return one.weight == candidates.front().weight; });
}

}  // namespace heirloom::upstream
