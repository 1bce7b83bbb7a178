// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/host_health.h"

namespace heirloom::upstream {

using namespace health_flag;

HostHealth health_of(HealthFlags flags) {
    if (flags & (failed_active_check | failed_outlier_check | failed_eds_health | draining_by_eds))
        return HostHealth::unhealthy;
    if (flags & (degraded_active_check | degraded_eds_health)) return HostHealth::degraded;
    return HostHealth::healthy;
}

bool is_excluded(HealthFlags flags) { return flags & (pending_active_check | excluded_at_once | draining_by_eds); }

HealthFlags flags_of(config::HostStatus status) {
    switch (status) {
        case config::HostStatus::healthy:
            return 0;
        case config::HostStatus::unhealthy:
            return failed_eds_health;
        case config::HostStatus::draining:
            return draining_by_eds;
        case config::HostStatus::degraded:
            return degraded_eds_health;
    }
    return 0;
}

std::string flags_text(HealthFlags flags) {
    std::string text;
#define X(name, bit, word) \
    if (flags & name) text += "/" word;
    HEIRLOOM_HEALTH_FLAGS(X)
#undef X
    return text.empty() ? "healthy" : text;
}

}  // namespace heirloom::upstream
