// SPDX-License-Identifier: Apache-2.0
// Consistent hashing: the same hash goes to the same endpoint, and few go elsewhere when one comes or leaves. A request
// without a hash goes anywhere. Both are built as Envoy builds them, so that a hash means the same endpoint to both.
//
// RingHash: each endpoint has places on a ring by its weight (XXH64 of "address_number"); a hash goes to the next one.
// Maglev: a table in which the endpoints take places in turn, each in its own order; a hash is an index of it.
#pragma once

#include <utility>
#include <vector>

#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class RingHash final : public LoadBalancer {
  public:
    RingHash(uint64_t minimum_size, uint64_t maximum_size, bool by_hostname)
        : minimum_size_(minimum_size), maximum_size_(maximum_size), by_hostname_(by_hostname) {}
    void set_candidates(std::span<const Candidate> candidates, const ActiveRequests& active) override;
    uint32_t choose(const ChoiceContext& context) override;
    size_t size() const { return ring_.size(); }

  private:
    const uint64_t minimum_size_;
    const uint64_t maximum_size_;
    const bool by_hostname_;
    std::vector<std::pair<uint64_t, uint32_t>> ring_;  // place, index; sorted
};

class Maglev final : public LoadBalancer {
  public:
    // REQUIRES: `size` is a prime number.
    Maglev(uint64_t size, bool by_hostname) : size_(size), by_hostname_(by_hostname) {}
    void set_candidates(std::span<const Candidate> candidates, const ActiveRequests& active) override;
    uint32_t choose(const ChoiceContext& context) override;

  private:
    const uint64_t size_;
    const bool by_hostname_;
    std::vector<uint32_t> table_;  // index
};

}  // namespace heirloom::upstream
