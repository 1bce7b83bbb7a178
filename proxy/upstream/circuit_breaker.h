// SPDX-License-Identifier: Apache-2.0
// Circuit breakers: a cluster's limits on connections, pending requests and requests, over all workers together.
//
// SharedLimit is the truth: how many units nobody has taken (one per cluster and resource, on its own cache line).
// WorkerLimit is one worker's side. It takes units from the shared limit in small batches and keeps some when they come
// back, so that steady traffic touches no cache line of another worker. Together the workers never pass the limit. Each
// worker keeps at most 32 units and at most 1/32 of the limit, which a busy worker may miss when idle ones hold them; a
// limit under 128 is exact, because nothing is kept of it. A limit may change: what is taken beyond a smaller one ends
// in its own time, and nothing more is given meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/stats/store.h"

namespace heirloom::upstream {

class alignas(64) SharedLimit {
  public:
    // `open` is 1 while nothing is left.
    SharedLimit(uint32_t limit, stats::Gauge open);

    // Takes between 1 and `wanted` units; 0: nothing is left.
    uint32_t take(uint32_t wanted);
    void give_back(uint32_t units);
    void set_limit(uint32_t limit);  // one thread
    uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }
    int64_t left() const { return left_.load(std::memory_order_relaxed); }
    // What workers keep counts as taken.
    int64_t taken() const { return int64_t{limit()} - left(); }

  private:
    std::atomic<int64_t> left_;
    std::atomic<uint32_t> limit_;
    stats::Gauge open_;
};

// Belongs to one worker's thread; gives everything back when it ends.
class WorkerLimit {
  public:
    static constexpr uint32_t kMaximumBatch = 16;

    // `exact`: keeps nothing; each unit is taken from, and given back to, the shared limit.
    explicit WorkerLimit(SharedLimit& shared, bool exact = false);
    ~WorkerLimit();
    WorkerLimit(const WorkerLimit&) = delete;
    WorkerLimit& operator=(const WorkerLimit&) = delete;

    bool try_take() {
        if (kept_ == 0 && !refill()) return false;
        --kept_;
        return true;
    }
    void give_back() {
        if (++kept_ > most_kept_) return_surplus();
    }
    uint32_t limit() const { return shared_.limit(); }
    // The shared limit is another: what was kept goes back.
    void follow();

  private:
    bool refill();
    void return_surplus();

    SharedLimit& shared_;
    const bool exact_;
    uint32_t batch_ = 1;
    uint32_t most_kept_ = 0;
    uint32_t kept_ = 0;
};

}  // namespace heirloom::upstream
