// SPDX-License-Identifier: Apache-2.0
// Round robin over endpoints, on one worker. Equal weights: in turn. Different weights: earliest deadline first.
#pragma once

#include <vector>

#include "proxy/upstream/edf_queue.h"
#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class RoundRobin final : public LoadBalancer {
  public:
    // `start`: where this worker begins, so that not all of them hit the first endpoint first.
    explicit RoundRobin(uint32_t start) : next_(start) {}
    void set_candidates(std::span<const Candidate> candidates, const ActiveRequests& active) override;
    uint32_t choose(const ChoiceContext& context) override;

  private:
    uint32_t choose_weighted();

    std::vector<Candidate> candidates_;
    EdfQueue queue_;  // empty: all weights are equal
    uint32_t next_;
};

}  // namespace heirloom::upstream
