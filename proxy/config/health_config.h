// SPDX-License-Identifier: Apache-2.0
// What of a cluster's configuration says how the health of its endpoints is found out. Part of the snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace heirloom::config {

struct StatusRange {
    uint16_t first = 0, last = 0;  // inclusive
};

struct HttpCheckConfig {
    std::string host;  // "": the endpoint's health_check_config.hostname, else the cluster's name
    std::string path;
    std::string method = "GET";
    bool http2 = false;
    std::vector<StatusRange> expected;   // none: 200
    std::vector<StatusRange> retriable;  // failures that only count toward the threshold
};

struct TcpCheckConfig {
    std::string send;
    std::vector<std::string> receive;  // must come in this order; none: to connect is enough
};

struct GrpcCheckConfig {
    std::string service_name;
    std::string authority;  // "": as HttpCheckConfig::host
};

struct HealthCheckConfig {
    using Milliseconds = std::chrono::milliseconds;
    Milliseconds timeout{0}, interval{0};
    Milliseconds initial_jitter{0}, interval_jitter{0};
    uint32_t interval_jitter_percent = 0;
    uint32_t unhealthy_threshold = 1, healthy_threshold = 1;
    Milliseconds no_traffic_interval{60 * 1000};  // while the cluster never had a connection
    Milliseconds no_traffic_healthy_interval{60 * 1000};
    Milliseconds unhealthy_interval{0}, unhealthy_edge_interval{0}, healthy_edge_interval{0};
    bool reuse_connection = true;
    std::variant<HttpCheckConfig, TcpCheckConfig, GrpcCheckConfig> kind;
};

// Of one endpoint, where its checks differ.
struct EndpointCheckConfig {
    bool disabled = false;
    std::string hostname;  // that HTTP and gRPC checks ask for
    uint16_t port = 0;     // where they go; 0: the endpoint's
};

struct OutlierDetectionConfig {
    using Milliseconds = std::chrono::milliseconds;
    uint32_t consecutive_5xx = 5;
    uint32_t consecutive_gateway_failure = 5;  // 502, 503, 504
    uint32_t consecutive_local_origin_failure = 5;
    bool split_external_local_origin_errors = false;  // else a connection that fails counts as 503
    Milliseconds interval{10 * 1000};
    Milliseconds base_ejection_time{30 * 1000};
    Milliseconds max_ejection_time{300 * 1000};
    Milliseconds max_ejection_time_jitter{0};
    uint32_t max_ejection_percent = 10;
    bool always_eject_one_host = false;
    // Percent of detections that eject.
    uint32_t enforcing_consecutive_5xx = 100;
    uint32_t enforcing_consecutive_gateway_failure = 0;
    uint32_t enforcing_consecutive_local_origin_failure = 100;
    uint32_t enforcing_success_rate = 100;
    uint32_t enforcing_failure_percentage = 0;
    uint32_t success_rate_minimum_hosts = 5;
    uint32_t success_rate_request_volume = 100;
    uint32_t success_rate_stdev_factor = 1900;  // thousandths
    uint32_t failure_percentage_threshold = 85;
    uint32_t failure_percentage_minimum_hosts = 5;
    uint32_t failure_percentage_request_volume = 50;
    bool successful_active_health_check_uneject_host = true;
};

}  // namespace heirloom::config
