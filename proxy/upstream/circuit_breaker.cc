// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/circuit_breaker.h"

#include <algorithm>
#include <utility>

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
    const int64_t before = left_.fetch_add(units, std::memory_order_relaxed);
    if (before <= 0 && before + units > 0) open_.sub(1);
}

void SharedLimit::set_limit(uint32_t limit) {
    const int64_t more = int64_t{limit} - limit_.exchange(limit, std::memory_order_relaxed);
    const int64_t before = left_.fetch_add(more, std::memory_order_relaxed);
    if (before > 0 && before + more <= 0) open_.add(1);
    if (before <= 0 && before + more > 0) open_.sub(1);
}

WorkerLimit::WorkerLimit(SharedLimit& shared, bool exact) : shared_(shared), exact_(exact) { follow(); }

void WorkerLimit::follow() {
    shared_.give_back(std::exchange(kept_, 0));
    batch_ = exact_ ? 1 : std::clamp(shared_.limit() / kBatchShare, 1u, kMaximumBatch);
    most_kept_ = batch_ > 1 ? 2 * batch_ : 0;
}

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
