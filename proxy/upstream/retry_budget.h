// SPDX-License-Identifier: Apache-2.0
// RetryBudget: how many retries a cluster may have under way where its circuit breakers name a share of the requests
// instead of a number (retry_budget). Over all workers; they touch it only for retries.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/circuit_breaker.h"

namespace heirloom::upstream {

class RetryBudget {
  public:
    // `requests` and `pending` must be exact (WorkerLimit). `open` is 1 while nothing is left.
    RetryBudget(const config::ClusterConfig::RetryBudget& config, const SharedLimit& requests,
                const SharedLimit& pending, stats::Gauge open)
        : config_(config), requests_(requests), pending_(pending), open_(open) {}

    // False: as many are under way as may be.
    bool try_take() {
        const bool taken = running_.fetch_add(1, std::memory_order_relaxed) < most();
        if (!taken) running_.fetch_sub(1, std::memory_order_relaxed);
        show();
        return taken;
    }
    void give_back() {
        running_.fetch_sub(1, std::memory_order_relaxed);
        show();
    }

  private:
    int64_t most() const {
        const double share = config_.percent / 100.0 * static_cast<double>(requests_.taken() + pending_.taken());
        return std::max(static_cast<int64_t>(config_.least), static_cast<int64_t>(share));
    }
    // Without retries nothing is used up, however little there is.
    bool is_full() const {
        const int64_t running = running_.load(std::memory_order_relaxed);
        return running > 0 && running >= most();
    }
    void show() {
        bool full = is_full();
        do {
            if (full_.exchange(full, std::memory_order_relaxed) != full) full ? open_.add(1) : open_.sub(1);
        } while (std::exchange(full, is_full()) != full);  // another worker may have changed it meanwhile
    }

    const config::ClusterConfig::RetryBudget config_;
    const SharedLimit& requests_;
    const SharedLimit& pending_;
    const stats::Gauge open_;
    std::atomic<int64_t> running_{0};
    std::atomic<bool> full_{false};
};

}  // namespace heirloom::upstream
