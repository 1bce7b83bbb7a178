// SPDX-License-Identifier: Apache-2.0
// Random: each endpoint as likely as another, whatever its weight, as in Envoy.
#pragma once

#include <vector>

#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class RandomChoice final : public LoadBalancer {
  public:
    void set_candidates(std::span<const Candidate> candidates, const ActiveRequests&) override {
        indices_.clear();
        for (const Candidate& candidate : candidates) indices_.push_back(candidate.index);
    }
    uint32_t choose(const ChoiceContext& context) override { return indices_[context.random.below(indices_.size())]; }

  private:
    std::vector<uint32_t> indices_;
};

}  // namespace heirloom::upstream
