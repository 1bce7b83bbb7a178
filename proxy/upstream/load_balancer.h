// SPDX-License-Identifier: Apache-2.0
// LoadBalancer: chooses one of some endpoints on one worker. What is there to choose from (priority, health, panic) was
// decided before: endpoint_chooser.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/endpoint.h"

namespace heirloom::upstream {

struct Candidate {
    uint32_t index = 0;  // in the cluster's list
    uint32_t weight = 1;
};

class LoadBalancer {
  public:
    virtual ~LoadBalancer() = default;
    virtual void set_candidates(std::span<const Candidate> candidates) = 0;
    // The index of the chosen one. REQUIRES: there are candidates.
    virtual uint32_t choose() = 0;
};

}  // namespace heirloom::upstream
