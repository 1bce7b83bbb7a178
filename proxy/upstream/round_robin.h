// SPDX-License-Identifier: Apache-2.0
// Round robin over endpoints, on one worker. Equal weights: in turn. Different weights: earliest deadline
// first, so that each endpoint gets its share evenly spread and a pick costs O(log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class RoundRobin final : public LoadBalancer {
  public:
    // `start`: where this worker begins, so that not all of them hit the first endpoint first.
    explicit RoundRobin(uint32_t start) : next_(start) {}
    void set_candidates(std::span<const Candidate> candidates) override;
    uint32_t choose() override;

  private:
    struct Entry {
        double deadline;
        uint64_t order;  // of insertion: equal deadlines go in turn
        uint32_t index;
        bool operator<(const Entry& other) const {  // heap order: the earliest on top
            return deadline != other.deadline ? deadline > other.deadline : order > other.order;
        }
    };
    size_t choose_weighted();

    std::vector<uint32_t> indices_;
    uint32_t next_;
    std::vector<uint32_t> weights_;  // empty: all equal
    std::vector<Entry> heap_;
    uint64_t order_ = 0;
};

}  // namespace heirloom::upstream
