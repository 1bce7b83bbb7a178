// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/circuit_breaker.h"

#include <algorithm>

namespace heirloom::upstream {

namespace {

constexpr uint32_t kBatchShare = 64;  // of the limit; two batches are kept at most

}  // namespace

SharedLimit::SharedLimit(uint32_t limit, stats::Gauge open) : left_(limit), limit_(limit), open_(open) {
    if (limit == 0) open_.add(1);
}

uint32_t SharedLimit::take(uint32_t wanted) {
    int64_t left = left_.load(std::memory_order_relaxed);
    while (left > 0) {
        const auto taken = static_cast<uint32_t>(std::min<int64_t>(left, wanted));
        if (!left_.compare_exchange_weak(left, left - taken, std::memory_order_relaxed)) continue;
        // The one who takes the last unit raises the gauge, the one who brings the first back lowers it: pairs, maybe
        // in the cells of two workers, whose sum is right.
        if (left == taken) open_.add(1);
        return taken;
    }
    return 0;
}

void SharedLimit::give_back(uint32_t units) {
    if (units == 0) return;
    if (left_.fetch_add(units, std::memory_order_relaxed) == 0) open_.sub(1);
}

WorkerLimit::WorkerLimit(SharedLimit& shared)
    : shared_(shared),
      batch_(std::clamp(shared.limit() / kBatchShare, 1u, kMaximumBatch)),
      most_kept_(batch_ > 1 ? 2 * batch_ : 0) {}

WorkerLimit::~WorkerLimit() { shared_.give_back(kept_); }

bool WorkerLimit::refill() {
    kept_ = shared_.take(batch_);
    return kept_ != 0;
}

void WorkerLimit::return_surplus() {
    const uint32_t surplus = most_kept_ == 0 ? kept_ : batch_;
    kept_ -= surplus;
    shared_.give_back(surplus);
}

}  // namespace heirloom::upstream
