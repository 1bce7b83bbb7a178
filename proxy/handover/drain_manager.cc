// SPDX-License-Identifier: Apache-2.0
#include "proxy/handover/drain_manager.h"

namespace heirloom::handover {

using std::chrono::nanoseconds;
using std::chrono::seconds;

DrainManager::DrainManager(seconds drain_time, bool immediate)
    : drain_time_s_(static_cast<uint32_t>(drain_time.count())), immediate_(immediate) {}

void DrainManager::start(Steady now, Scope scope) {
    const Scope before = scope_.load(std::memory_order_relaxed);
    if (before == Scope::none) {
        start_ns_.store(nanoseconds(now.time_since_epoch()).count(), std::memory_order_relaxed);
    }
    if (scope > before) scope_.store(scope, std::memory_order_release);
}

void DrainManager::start(Steady now, seconds drain_time, bool immediate) {
    drain_time_s_.store(static_cast<uint32_t>(drain_time.count()), std::memory_order_relaxed);
    immediate_.store(immediate, std::memory_order_relaxed);
    start(now, Scope::all);
}

DrainManager::Steady DrainManager::deadline() const {
    return Steady(nanoseconds(start_ns_.load(std::memory_order_relaxed))) +
           seconds(drain_time_s_.load(std::memory_order_relaxed));
}

bool DrainManager::should_close(Steady now, uint64_t random, bool inbound, bool ignores_health_check) const {
    if (health_check_failed() && !ignores_health_check) return true;
    const Scope scope = scope_.load(std::memory_order_acquire);
    if (scope == Scope::none || (scope == Scope::inbound && !inbound)) return false;
    if (immediate_.load(std::memory_order_relaxed)) return true;
    const uint32_t drain_time_s = drain_time_s_.load(std::memory_order_relaxed);
    const Steady end = deadline();
    if (drain_time_s == 0 || now >= end) return true;
    // Whole seconds of what remains, as Envoy counts: in the first second after the start one has already elapsed.
    const auto remaining_s = static_cast<uint64_t>(std::chrono::duration_cast<seconds>(end - now).count());
    const uint64_t elapsed_s = drain_time_s - remaining_s;
    return elapsed_s > random % drain_time_s;
}

}  // namespace heirloom::handover
