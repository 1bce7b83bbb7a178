// SPDX-License-Identifier: Apache-2.0
// Round robin over a cluster's endpoints, on one worker. Equal weights: in turn. Different weights: earliest deadline
// first, so that each endpoint gets its share evenly spread and a pick costs O(log n). Works on indices of the list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/upstream/endpoint.h"

namespace heirloom::upstream {

class RoundRobin {
  public:
    // `start`: where this worker begins, so that not all of them hit the first endpoint first.
    explicit RoundRobin(uint32_t start) : next_(start) {}
    void set_endpoints(const EndpointList& endpoints);
    // REQUIRES: the list is not empty.
    size_t choose();

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

    size_t count_ = 0;
    uint32_t next_;
    std::vector<uint32_t> weights_;  // empty: all equal
    std::vector<Entry> heap_;
    uint64_t order_ = 0;
};

}  // namespace heirloom::upstream
