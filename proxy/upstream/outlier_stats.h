// SPDX-License-Identifier: Apache-2.0
// `cluster.<name>.outlier_detection.*`, as Envoy counts: detected, and enforced when it did eject. Main thread.
#pragma once

#include <string>

#include "proxy/stats/store.h"

namespace heirloom::upstream {

// clang-format off
#define HEIRLOOM_OUTLIER_STATS(COUNTER, GAUGE, HISTOGRAM)                  \
    COUNTER(ejections_enforced_total)                                      \
    COUNTER(ejections_overflow)                                            \
    COUNTER(ejections_detected_consecutive_5xx)                            \
    COUNTER(ejections_enforced_consecutive_5xx)                            \
    COUNTER(ejections_detected_consecutive_gateway_failure)                \
    COUNTER(ejections_enforced_consecutive_gateway_failure)                \
    COUNTER(ejections_detected_consecutive_local_origin_failure)           \
    COUNTER(ejections_enforced_consecutive_local_origin_failure)           \
    COUNTER(ejections_detected_success_rate)                               \
    COUNTER(ejections_enforced_success_rate)                               \
    COUNTER(ejections_detected_failure_percentage)                         \
    COUNTER(ejections_enforced_failure_percentage)                         \
    COUNTER(ejections_total)                                               \
    COUNTER(ejections_consecutive_5xx)                                     \
    COUNTER(ejections_success_rate)                                        \
    GAUGE(ejections_active)
// clang-format on

struct OutlierStats {
    HEIRLOOM_OUTLIER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

inline OutlierStats make_outlier_stats(stats::Registrar& registrar, std::string_view stat_name) {
    const std::string prefix = "cluster." + stats::sanitize(stat_name) + ".outlier_detection.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_OUTLIER_STATS)
    return {HEIRLOOM_OUTLIER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace heirloom::upstream
