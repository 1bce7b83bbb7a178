// SPDX-License-Identifier: Apache-2.0
// `cluster.<name>.health_check.*`, as Envoy counts. Main thread.
#pragma once

#include <string>

#include "proxy/stats/store.h"

namespace heirloom::upstream {

// clang-format off
#define HEIRLOOM_HEALTH_CHECK_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(attempt)                                           \
    COUNTER(success)                                           \
    COUNTER(failure)                                           \
    COUNTER(passive_failure)                                   \
    COUNTER(network_failure)                                   \
    GAUGE(healthy)                                             \
    GAUGE(degraded)
// clang-format on

struct HealthCheckStats {
    HEIRLOOM_HEALTH_CHECK_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

inline HealthCheckStats make_health_check_stats(stats::Registrar& registrar, std::string_view stat_name) {
    const std::string prefix = "cluster." + stats::sanitize(stat_name) + ".health_check.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_HEALTH_CHECK_STATS)
    return {HEIRLOOM_HEALTH_CHECK_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace heirloom::upstream
