// SPDX-License-Identifier: Apache-2.0
// Least request, as Envoy has it. Equal weights: of some endpoints drawn at random the one with the fewest requests.
// Different weights: earliest deadline first, where requests that run lower an endpoint's weight.
#pragma once

#include <vector>

#include "proxy/upstream/edf_queue.h"
#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class LeastRequest final : public LoadBalancer {
  public:
    explicit LeastRequest(uint32_t choices) : choices_(choices) {}
    void set_candidates(std::span<const Candidate> candidates, const ActiveRequests& active) override {
        candidates_.assign(candidates.begin(), candidates.end());
        queue_.clear();
        if (equal_weights(candidates)) return;
        for (uint32_t i = 0; i < candidates_.size(); ++i) queue_.add(i, weight_of(i, active));
    }
    uint32_t choose(const ChoiceContext& context) override {
        if (!queue_.empty())
            return candidates_[queue_.pick([&](uint32_t at) { return weight_of(at, context.active); })].index;
        uint32_t best = draw(context);
        uint64_t fewest = context.active.active_requests(best);
        for (uint32_t i = 1; i < choices_; ++i) {
            const uint32_t other = draw(context);
            const uint64_t requests = context.active.active_requests(other);
            if (requests >= fewest) continue;
            best = other;
            fewest = requests;
        }
        return best;
    }

  private:
    uint32_t draw(const ChoiceContext& context) const {
        return candidates_[context.random.below(candidates_.size())].index;
    }
    double weight_of(uint32_t at, const ActiveRequests& active) const {
        return candidates_[at].weight / static_cast<double>(active.active_requests(candidates_[at].index) + 1);
    }

    const uint32_t choices_;
    std::vector<Candidate> candidates_;
    EdfQueue queue_;  // empty: all weights are equal
};

}  // namespace heirloom::upstream
