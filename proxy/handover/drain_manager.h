// SPDX-License-Identifier: Apache-2.0
// DrainManager: does this response close its connection? One per process; the main thread starts and stops drains, all
// workers ask, once per response. Envoy's rule: failed health check: always; not draining: never; immediate: always;
// gradual: probability elapsed / drain time, in whole seconds, and certainly when the drain time is over.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace heirloom::handover {

class DrainManager {
  public:
    using Steady = std::chrono::steady_clock::time_point;
    enum class Scope : uint8_t { none, inbound, all };

    DrainManager(std::chrono::seconds drain_time, bool immediate);

    // --- main thread
    // Starts, or widens, a drain; one that runs keeps its clock. `drain_time` replaces the configured one.
    void start(Steady now, Scope scope = Scope::all);
    void start(Steady now, std::chrono::seconds drain_time, bool immediate);
    void fail_health_check(bool failed) { health_failed_.store(failed, std::memory_order_relaxed); }
    bool health_check_failed() const { return health_failed_.load(std::memory_order_relaxed); }
    bool draining() const { return scope_.load(std::memory_order_relaxed) != Scope::none; }
    // When closing is certain. REQUIRES: draining().
    Steady deadline() const;

    // --- any thread
    // Cheap pre-check: false means should_close() is false for everyone.
    bool may_close() const { return draining() || health_check_failed(); }
    bool should_close(Steady now, uint64_t random, bool inbound, bool ignores_health_check) const;

  private:
    // Written before scope_ is published.
    std::atomic<int64_t> start_ns_{0};  // steady clock
    std::atomic<uint32_t> drain_time_s_;
    std::atomic<bool> immediate_;
    std::atomic<Scope> scope_{Scope::none};
    std::atomic<bool> health_failed_{false};
};

// The question as one listener asks it.
struct DrainDecision {
    const DrainManager& manager;
    bool inbound = false;
    bool ignores_health_check = false;  // drain_type MODIFY_ONLY

    bool may_close() const { return manager.may_close(); }
    bool should_close(DrainManager::Steady now, uint64_t random) const {
        return manager.should_close(now, random, inbound, ignores_health_check);
    }
};

}  // namespace heirloom::handover
