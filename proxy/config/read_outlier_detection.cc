// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/cluster/v3/outlier_detection.pb.h"
#include "proxy/config/health_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {

std::shared_ptr<const OutlierDetectionConfig> read_outlier_detection(
    const envoy::config::cluster::v3::OutlierDetection& message, const Path& path, Problems& problems) {
    auto read = std::make_shared<OutlierDetectionConfig>();
    const auto check = [&](const char* name, bool good, const char* what) {
        if (!good) problems.error(path.field(name), what);
    };
#define READ_PERCENT(name)                   \
    READ_WRAPPED(message, name, read->name); \
    check(#name, read->name <= 100, "must be at most 100")
#define READ_NUMBER(name) READ_WRAPPED(message, name, read->name)
#define READ_TIME(name)                                       \
    READ_DURATION(message, name, path, problems, read->name); \
    check(#name, read->name.count() > 0, "must be more than 0")
    READ_NUMBER(consecutive_5xx);
    READ_NUMBER(consecutive_gateway_failure);
    READ_NUMBER(consecutive_local_origin_failure);
    read->split_external_local_origin_errors = message.split_external_local_origin_errors();
    READ_TIME(interval);
    READ_TIME(base_ejection_time);
    // Where it is not told, a long base time is no mistake.
    read->max_ejection_time = std::max(read->max_ejection_time, read->base_ejection_time);
    READ_TIME(max_ejection_time);
    check("max_ejection_time", read->max_ejection_time >= read->base_ejection_time,
          "max_ejection_time cannot be smaller than base_ejection_time");
    READ_DURATION(message, max_ejection_time_jitter, path, problems, read->max_ejection_time_jitter);
    READ_PERCENT(max_ejection_percent);
    READ_NUMBER(always_eject_one_host);
    READ_PERCENT(enforcing_consecutive_5xx);
    READ_PERCENT(enforcing_consecutive_gateway_failure);
    READ_PERCENT(enforcing_consecutive_local_origin_failure);
    READ_PERCENT(enforcing_success_rate);
    READ_PERCENT(enforcing_failure_percentage);
    READ_NUMBER(success_rate_minimum_hosts);
    READ_NUMBER(success_rate_request_volume);
    READ_NUMBER(success_rate_stdev_factor);
    READ_PERCENT(failure_percentage_threshold);
    READ_NUMBER(failure_percentage_minimum_hosts);
    READ_NUMBER(failure_percentage_request_volume);
    READ_NUMBER(successful_active_health_check_uneject_host);
#undef READ_PERCENT
#undef READ_NUMBER
#undef READ_TIME
    return read;
}

}  // namespace heirloom::config
