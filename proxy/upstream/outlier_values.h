// SPDX-License-Identifier: Apache-2.0
// What counts of a cluster's outlier_detection now: the runtime's `outlier_detection.*` values, which are for all
// clusters that have outlier detection, else the configured ones. By the table of the calling thread.
// Source: Envoy, cluster manager documentation, "Runtime".
#pragma once

#include <algorithm>

#include "proxy/config/health_config.h"
#include "proxy/runtime/table.h"

namespace heirloom::upstream {

#define HEIRLOOM_OUTLIER_NUMBERS(X)               \
    X(consecutive_5xx)                            \
    X(consecutive_gateway_failure)                \
    X(consecutive_local_origin_failure)           \
    X(enforcing_consecutive_5xx)                  \
    X(enforcing_consecutive_gateway_failure)      \
    X(enforcing_consecutive_local_origin_failure) \
    X(enforcing_success_rate)                     \
    X(enforcing_failure_percentage)               \
    X(success_rate_minimum_hosts)                 \
    X(success_rate_request_volume)                \
    X(success_rate_stdev_factor)                  \
    X(failure_percentage_threshold)               \
    X(failure_percentage_minimum_hosts)           \
    X(failure_percentage_request_volume)

#define HEIRLOOM_OUTLIER_TIMES(X) \
    X(interval)                   \
    X(base_ejection_time)         \
    X(max_ejection_time)          \
    X(max_ejection_time_jitter)

class OutlierValues {
  public:
    explicit OutlierValues(const config::OutlierDetectionConfig& config) : config_(config) {}

#define X(name)                                                                     \
    uint32_t name() const {                                                         \
        static const auto key = config::RuntimeKey::of("outlier_detection." #name); \
        return runtime::integer32(key, config_.name);                               \
    }
    HEIRLOOM_OUTLIER_NUMBERS(X)
#undef X
#define X(name)                                                                                            \
    std::chrono::milliseconds name() const {                                                               \
        static const auto key = config::RuntimeKey::of("outlier_detection." #name "_ms");                  \
        const auto configured = static_cast<uint64_t>(config_.name.count());                               \
        return std::chrono::milliseconds(std::min<uint64_t>(runtime::integer(key, configured), kLongest)); \
    }
    HEIRLOOM_OUTLIER_TIMES(X)
#undef X
    uint32_t max_ejection_percent() const {
        static const auto key = config::RuntimeKey::of("outlier_detection.max_ejection_percent");
        return std::min(runtime::integer32(key, config_.max_ejection_percent), 100u);
    }

  private:
    static constexpr uint64_t kLongest = uint64_t{100} * 366 * 86400 * 1000;  // 100 years, as a configured duration
    const config::OutlierDetectionConfig& config_;
};

}  // namespace heirloom::upstream
