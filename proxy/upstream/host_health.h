// SPDX-License-Identifier: Apache-2.0
// The health of an endpoint, as Envoy has it: flags, each set and cleared by one cause, and what they come to. The main
// thread decides; workers get the flags by value with the list of endpoints (host_set.h).
#pragma once

#include <cstdint>
#include <string>

#include "proxy/config/snapshot.h"

namespace heirloom::upstream {

// X(name, bit, Envoy's word in /clusters)
#define HEIRLOOM_HEALTH_FLAGS(X)                              \
    X(failed_active_check, 1, "failed_active_hc")             \
    X(failed_outlier_check, 2, "failed_outlier_check")        \
    X(failed_eds_health, 4, "failed_eds_health")              \
    X(degraded_active_check, 8, "degraded_active_hc")         \
    X(degraded_eds_health, 16, "degraded_eds_health")         \
    X(pending_active_check, 32, "pending_active_hc")          \
    X(excluded_at_once, 64, "excluded_via_immediate_hc_fail") \
    X(active_check_timeout, 128, "active_hc_timeout")         \
    X(draining_by_eds, 256, "eds_status_draining")

using HealthFlags = uint16_t;
namespace health_flag {
#define X(name, bit, text) inline constexpr HealthFlags name = bit;
HEIRLOOM_HEALTH_FLAGS(X)
#undef X
}  // namespace health_flag

enum class HostHealth : uint8_t { healthy, degraded, unhealthy };

HostHealth health_of(HealthFlags flags);
// It counts neither as available nor as missing.
bool is_excluded(HealthFlags flags);
// What the configured health_status sets.
HealthFlags flags_of(config::HostStatus status);
// "/failed_active_hc/active_hc_timeout"; "healthy" where there is none.
std::string flags_text(HealthFlags flags);

}  // namespace heirloom::upstream
