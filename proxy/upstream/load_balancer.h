// SPDX-License-Identifier: Apache-2.0
// LoadBalancer: chooses one of some endpoints on one worker. What is there to choose from (priority, health, panic) was
// decided before: endpoint_chooser.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/fast_random.h"

namespace heirloom::upstream {

struct Candidate {
    uint32_t index = 0;  // in the cluster's list
    double weight = 1;
    const Endpoint* endpoint = nullptr;
    bool operator==(const Candidate&) const = default;
};

// Requests that this worker has on endpoints just now. (Envoy counts those of all workers; that would be a cache line
// of each of them per candidate.)
class ActiveRequests {
  public:
    virtual ~ActiveRequests() = default;
    virtual uint64_t active_requests(uint32_t index) const = 0;
};

struct ChoiceContext {
    const ActiveRequests& active;
    FastRandom& random;
};

class LoadBalancer {
  public:
    virtual ~LoadBalancer() = default;
    // The endpoints live as long as they are candidates.
    virtual void set_candidates(std::span<const Candidate> candidates, const ActiveRequests& active) = 0;
    // The index of the chosen one. REQUIRES: there are candidates.
    virtual uint32_t choose(const ChoiceContext& context) = 0;
};

// `worker`: where round robin begins, so that not all of them hit the first endpoint first. Null: the policy chooses by
// a table (hash_load_balancers.h).
std::unique_ptr<LoadBalancer> make_load_balancer(const config::ClusterConfig& config, uint32_t worker);

}  // namespace heirloom::upstream
