// SPDX-License-Identifier: Apache-2.0
// Consistent hashing: the same hash goes to the same endpoint, and few go elsewhere when one comes or leaves. A request
// without a hash goes anywhere. Both are built as Envoy builds them, so that a hash means the same endpoint to both.
// Building one may take long, so that the main thread does it, once for all workers (host_groups.h); immutable then.
//
// RingHash: each endpoint has places on a ring by its weight (XXH64 of "address_number"); a hash goes to the next one.
// Maglev: a table in which the endpoints take places in turn, each in its own order; a hash is an index of it.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class HashTable {
  public:
    virtual ~HashTable() = default;
    // The index of the endpoint. Any thread.
    virtual uint32_t choose(uint64_t hash) const = 0;
};

// `candidates` of both: not empty.
class RingHash final : public HashTable {
  public:
    RingHash(std::span<const Candidate> candidates, uint64_t minimum_size, uint64_t maximum_size, bool by_hostname);
    uint32_t choose(uint64_t hash) const override;
    size_t size() const { return ring_.size(); }

  private:
    std::vector<std::pair<uint64_t, uint32_t>> ring_;  // place, index; sorted
};

class Maglev final : public HashTable {
  public:
    // REQUIRES: `size` is a prime number.
    Maglev(std::span<const Candidate> candidates, uint64_t size, bool by_hostname);
    uint32_t choose(uint64_t hash) const override { return table_[hash % table_.size()]; }

  private:
    std::vector<uint32_t> table_;  // index
};

// Does the cluster choose by such a table?
bool uses_hash_table(const config::ClusterConfig& config);
// REQUIRES: uses_hash_table(), and there are candidates.
std::shared_ptr<const HashTable> make_hash_table(const config::ClusterConfig& config,
                                                 std::span<const Candidate> candidates);

}  // namespace heirloom::upstream
