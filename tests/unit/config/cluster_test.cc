// SPDX-License-Identifier: Apache-2.0
// What of a cluster decides which endpoint a request gets.
#include <doctest/doctest.h>

#include "proxy/config/health_config.h"
#include "proxy/config/load_balancing_config.h"
#include "tests/unit/config/load_text.h"

namespace heirloom::config {

namespace {

// A cluster `up` with `fields`, in flow style.
std::string with_cluster(const std::string& fields) {
    return "{static_resources: {clusters: [{name: up, " + fields + "}]}}";
}

constexpr const char* kEndpoint = "{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}}";

// The first and only cluster.
const ClusterConfig& first_of(const Result<std::shared_ptr<const Snapshot>>& snapshot) {
    REQUIRE(snapshot.ok());
    return (*snapshot)->clusters.at(0);
}

std::string with_check(const std::string& fields) {
    return with_cluster("health_checks: [{timeout: 1s, interval: 2s, unhealthy_threshold: 3, healthy_threshold: 4, " +
                        fields + "}]");
}

}  // namespace

TEST_CASE("health, priority and panic of endpoints reach the snapshot") {
    const std::string one = kEndpoint;
    const auto snapshot = load(with_cluster(
        "common_lb_config: {healthy_panic_threshold: {value: 12.5}}, load_assignment: {cluster_name: up, policy: "
        "{overprovisioning_factor: 200}, endpoints: [{lb_endpoints: [" +
        one + ", health_status: UNHEALTHY}, " + one + ", health_status: DRAINING}, " + one +
        ", health_status: timeout}]}, {priority: 3, lb_endpoints: [" + one + ", health_status: DEGRADED}, " + one +
        "}]}]}"));
    REQUIRE(snapshot.ok());
    const ClusterConfig& cluster = (*snapshot)->clusters.at(0);
    CHECK(cluster.healthy_panic_threshold == 13);
    CHECK(cluster.overprovisioning_factor == 200);
    REQUIRE(cluster.endpoints.size() == 5);
    CHECK(cluster.endpoints[0].status == HostStatus::unhealthy);
    CHECK(cluster.endpoints[1].status == HostStatus::draining);
    CHECK(cluster.endpoints[2].status == HostStatus::unhealthy);
    CHECK(cluster.endpoints[2].priority == 0);
    CHECK(cluster.endpoints[3].status == HostStatus::degraded);
    CHECK(cluster.endpoints[3].priority == 3);
    CHECK(cluster.endpoints[4].status == HostStatus::healthy);
}

TEST_CASE("a health check reaches the snapshot, with Envoy's defaults") {
    using std::chrono::milliseconds;
    const auto snapshot = load(with_check("http_health_check: {path: /hc}"));
    const HealthCheckConfig& plain = *first_of(snapshot).health_check;
    CHECK(plain.timeout == milliseconds(1000));
    CHECK(plain.interval == milliseconds(2000));
    CHECK(plain.unhealthy_threshold == 3);
    CHECK(plain.healthy_threshold == 4);
    CHECK(plain.no_traffic_interval == milliseconds(60000));
    CHECK(plain.no_traffic_healthy_interval == milliseconds(60000));
    CHECK(plain.unhealthy_interval == milliseconds(2000));
    CHECK(plain.unhealthy_edge_interval == milliseconds(2000));
    CHECK(plain.healthy_edge_interval == milliseconds(2000));
    CHECK(plain.reuse_connection);
    const auto& http = std::get<HttpCheckConfig>(plain.kind);
    CHECK(http.method == "GET");
    CHECK(http.expected.empty());
}

TEST_CASE("all fields of health checks reach the snapshot") {
    using std::chrono::milliseconds;
    const auto snapshot = load(with_check(
        "initial_jitter: 0.1s, interval_jitter: 0.2s, interval_jitter_percent: 7, reuse_connection: false, "
        "no_traffic_interval: 3s, unhealthy_interval: 4s, healthy_edge_interval: 5s, http_health_check: {path: /hc, "
        "host: h, method: HEAD, codec_client_type: HTTP2, expected_statuses: [{start: 200, end: 205}], "
        "retriable_statuses: {start: 500, end: 600}}"));
    const HealthCheckConfig& check = *first_of(snapshot).health_check;
    CHECK(check.initial_jitter == milliseconds(100));
    CHECK(check.interval_jitter == milliseconds(200));
    CHECK(check.interval_jitter_percent == 7);
    CHECK_FALSE(check.reuse_connection);
    CHECK(check.no_traffic_healthy_interval == milliseconds(3000));
    CHECK(check.unhealthy_edge_interval == milliseconds(4000));
    CHECK(check.healthy_edge_interval == milliseconds(5000));
    const auto& http = std::get<HttpCheckConfig>(check.kind);
    CHECK(http.host == "h");
    CHECK(http.method == "HEAD");
    CHECK(http.http2);
    CHECK(http.expected.at(0).last == 204);
    CHECK(http.retriable.at(0).first == 500);
    const auto tcp =
        load(with_check("tcp_health_check: {send: {text: '5049'}, receive: [{text: 4f4B}, {binary: AAE=}]}"));
    const auto& bytes = std::get<TcpCheckConfig>(first_of(tcp).health_check->kind);
    CHECK(bytes.send == "PI");
    CHECK(bytes.receive == std::vector<std::string>{"OK", std::string("\0\1", 2)});
    const auto grpc = load(with_check("grpc_health_check: {service_name: s, authority: a}"));
    CHECK(std::get<GrpcCheckConfig>(first_of(grpc).health_check->kind).service_name == "s");
}

TEST_CASE("health checks that cannot be are told") {
    const std::string at = "static_resources.clusters[0].health_checks[0]";
    CHECK(errors_of(with_cluster("health_checks: [{tcp_health_check: {}}]")) ==
          at + ".timeout: required\n" + at + ".interval: required\n" + at + ".unhealthy_threshold: required\n" + at +
              ".healthy_threshold: required");
    CHECK(errors_of(with_check("unhealthy_interval: 0s")) ==
          at + ": one of http_health_check, tcp_health_check, grpc_health_check is required\n" + at +
              ".unhealthy_interval: must be more than 0");
    CHECK(errors_of(with_check("http_health_check: {expected_statuses: [{start: 200, end: 200}]}")) ==
          at + ".http_health_check.path: required, and must not be empty\n" + at +
              ".http_health_check.expected_statuses[0]: Invalid http status range: expecting start >= 100, end <= 600 "
              "and start < end");
    CHECK(errors_of(with_check("tcp_health_check: {send: {text: abc}}")) ==
          at + ".tcp_health_check.send.text: must be bytes in hexadecimal");
    CHECK(errors_of(with_check("http_health_check: {path: /, method: CONNECT}")).find("method") != std::string::npos);
    CHECK(errors_of(with_cluster("ignore_health_on_host_removal: true")).find("ignore_health_on_host_removal") !=
          std::string::npos);
}

TEST_CASE("load balancing policies reach the snapshot") {
    using Policy = LoadBalancingConfig::Policy;
    CHECK(first_of(load(with_cluster("lb_policy: ROUND_ROBIN"))).load_balancing == nullptr);
    CHECK(first_of(load(with_cluster("lb_policy: RANDOM"))).load_balancing->policy == Policy::random);
    const auto least = load(with_cluster("lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 5}"));
    CHECK(first_of(least).load_balancing->policy == Policy::least_request);
    CHECK(first_of(least).load_balancing->choice_count == 5);
    const auto ring =
        load(with_cluster("lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 7, maximum_ring_size: 9, "
                          "hash_function: XX_HASH}, common_lb_config: {consistent_hashing_lb_config: "
                          "{use_hostname_for_hashing: true}}"));
    CHECK(first_of(ring).load_balancing->policy == Policy::ring_hash);
    CHECK(first_of(ring).load_balancing->minimum_ring_size == 7);
    CHECK(first_of(ring).load_balancing->maximum_ring_size == 9);
    CHECK(first_of(ring).load_balancing->by_hostname);
    const auto maglev = load(with_cluster("lb_policy: MAGLEV, maglev_lb_config: {table_size: 101}"));
    CHECK(first_of(maglev).load_balancing->policy == Policy::maglev);
    CHECK(first_of(maglev).load_balancing->table_size == 101);
}

TEST_CASE("load balancing that cannot be is told") {
    const std::string at = "static_resources.clusters[0].";
    CHECK(errors_of(with_cluster("lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 1}")) ==
          at + "least_request_lb_config.choice_count: must be from 2 to 1000");
    CHECK(errors_of(with_cluster("ring_hash_lb_config: {}")) == at + "ring_hash_lb_config: needs lb_policy RING_HASH");
    CHECK(errors_of(with_cluster("lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 8, maximum_ring_size: "
                                 "7}")) ==
          at + "ring_hash_lb_config: ring hash: minimum_ring_size (8) > maximum_ring_size (7)");
    CHECK(errors_of(with_cluster("lb_policy: MAGLEV, maglev_lb_config: {table_size: 100}")) ==
          at + "maglev_lb_config.table_size: The table size of maglev must be prime number");
    CHECK(errors_of(with_cluster("lb_policy: CLUSTER_PROVIDED")).find("lb_policy") != std::string::npos);
}

TEST_CASE("outlier detection reaches the snapshot") {
    using std::chrono::milliseconds;
    const OutlierDetectionConfig plain;
    CHECK(first_of(load(with_cluster("outlier_detection: {}"))).outlier_detection->max_ejection_percent == 10);
    const auto snapshot = load(with_cluster(
        "outlier_detection: {consecutive_5xx: 1, interval: 2s, base_ejection_time: 400s, max_ejection_percent: 3, "
        "enforcing_consecutive_5xx: 4, enforcing_success_rate: 5, success_rate_minimum_hosts: 6, "
        "success_rate_request_volume: 7, success_rate_stdev_factor: 8, consecutive_gateway_failure: 9, "
        "enforcing_consecutive_gateway_failure: 10, split_external_local_origin_errors: true, "
        "consecutive_local_origin_failure: 11, enforcing_consecutive_local_origin_failure: 12, "
        "failure_percentage_threshold: 13, enforcing_failure_percentage: 14, failure_percentage_minimum_hosts: 15, "
        "failure_percentage_request_volume: 16, max_ejection_time_jitter: 1s, "
        "successful_active_health_check_uneject_host: false, always_eject_one_host: true}"));
    const OutlierDetectionConfig& read = *first_of(snapshot).outlier_detection;
    CHECK(read.consecutive_5xx == 1);
    CHECK(read.interval == milliseconds(2000));
    CHECK(read.base_ejection_time == milliseconds(400000));
    CHECK(read.max_ejection_time == milliseconds(400000));
    CHECK(plain.max_ejection_time == milliseconds(300000));
    CHECK(read.max_ejection_percent == 3);
    CHECK(read.enforcing_consecutive_5xx == 4);
    CHECK(read.enforcing_success_rate == 5);
    CHECK(read.success_rate_minimum_hosts == 6);
    CHECK(read.success_rate_request_volume == 7);
    CHECK(read.success_rate_stdev_factor == 8);
    CHECK(read.consecutive_gateway_failure == 9);
    CHECK(read.enforcing_consecutive_gateway_failure == 10);
    CHECK(read.split_external_local_origin_errors);
    CHECK(read.consecutive_local_origin_failure == 11);
    CHECK(read.enforcing_consecutive_local_origin_failure == 12);
    CHECK(read.failure_percentage_threshold == 13);
    CHECK(read.enforcing_failure_percentage == 14);
    CHECK(read.failure_percentage_minimum_hosts == 15);
    CHECK(read.failure_percentage_request_volume == 16);
    CHECK(read.max_ejection_time_jitter == milliseconds(1000));
    CHECK_FALSE(read.successful_active_health_check_uneject_host);
    CHECK(read.always_eject_one_host);
    const std::string at = "static_resources.clusters[0].outlier_detection.";
    CHECK(errors_of(with_cluster("outlier_detection: {interval: 0s, max_ejection_percent: 101, base_ejection_time: 5s, "
                                 "max_ejection_time: 4s}")) ==
          at + "interval: must be more than 0\n" + at + "max_ejection_percent: must be at most 100\n" + at +
              "max_ejection_time: max_ejection_time cannot be smaller than base_ejection_time");
}

TEST_CASE("what cannot be is told") {
    CHECK(errors_of(with_cluster("common_lb_config: {healthy_panic_threshold: {value: 101}}")) ==
          "static_resources.clusters[0].common_lb_config.healthy_panic_threshold.value: must be between 0 and 100");
    CHECK(errors_of(with_cluster("load_assignment: {cluster_name: up, policy: {overprovisioning_factor: 0}, endpoints: "
                                 "[{priority: 129}]}")) ==
          "static_resources.clusters[0].load_assignment.policy.overprovisioning_factor: must be at least 1\n"
          "static_resources.clusters[0].load_assignment.endpoints[0].priority: must be at most 128");
}

TEST_CASE("a jitter of health checks has an end") {
    CHECK(first_of(load(with_check("interval_jitter_percent: 1000, tcp_health_check: {}")))
              .health_check->interval_jitter_percent == 1000);
    CHECK(errors_of(with_check("interval_jitter_percent: 1001, tcp_health_check: {}"))
              .find("interval_jitter_percent: must be at most 1000") != std::string::npos);
}

TEST_CASE("localities that are weighed") {
    const std::string one = std::string(kEndpoint) + "}";
    const auto with = [&](const std::string& fields, const std::string& weight) {
        return with_cluster(fields +
                            "load_assignment: {cluster_name: up, endpoints: [{load_balancing_weight: " + weight +
                            ", locality: {zone: a}, lb_endpoints: [" + one + "]}, {lb_endpoints: [" + one + "]}]}");
    };
    const std::string weighed = "common_lb_config: {locality_weighted_lb_config: {}}, ";
    const auto snapshot = load(with(weighed, "7"));
    CHECK(first_of(snapshot).locality_weighted);
    CHECK(first_of(snapshot).endpoints.at(0).locality_weight == 7);
    CHECK(first_of(snapshot).endpoints.at(1).locality_weight == 0);
    CHECK(errors_of(with(weighed, "0")).find("load_balancing_weight: must be at least 1") != std::string::npos);
    CHECK(errors_of(with("", "7")).find("load_balancing_weight: needs common_lb_config.locality_weighted_lb_config") !=
          std::string::npos);
    CHECK(errors_of(with_cluster("common_lb_config: {zone_aware_lb_config: {}}")).find("zone_aware_lb_config") !=
          std::string::npos);
}

TEST_CASE("the older way to speak what the client speaks; keep-alive of TCP") {
    const auto snapshot = load(with_cluster(
        "protocol_selection: USE_DOWNSTREAM_PROTOCOL, http2_protocol_options: {max_concurrent_streams: 7}, "
        "http_protocol_options: {enable_trailers: true}, upstream_connection_options: {tcp_keepalive: "
        "{keepalive_time: 300}}"));
    const ClusterConfig& cluster = first_of(snapshot);
    CHECK(cluster.protocol == ClusterConfig::Protocol::by_downstream);
    CHECK((cluster.http2.max_concurrent_streams == 7 && cluster.http1_trailers));
    CHECK((cluster.tcp_keepalive->time == 300 && cluster.tcp_keepalive->probes == 0));
    const auto configured =
        load(with_cluster("protocol_selection: USE_CONFIGURED_PROTOCOL, http2_protocol_options: {}"));
    CHECK(first_of(configured).protocol == ClusterConfig::Protocol::http2);
    CHECK_FALSE(first_of(configured).tcp_keepalive);
    CHECK(errors_of(with_cluster("upstream_connection_options: {tcp_keepalive: {keepalive_probes: 0}}"))
              .find("tcp_keepalive.keepalive_probes: must be from 1 to 127") != std::string::npos);
}

TEST_CASE("LOGICAL_DNS has one endpoint; retry budgets; how long an attempt may last") {
    const auto with = [](const std::string& fields, const std::string& endpoints) {
        return with_cluster("type: LOGICAL_DNS" + fields +
                            ", load_assignment: {cluster_name: up, endpoints: [{lb_endpoints: [" + endpoints + "]}]}");
    };
    const std::string one = "{endpoint: {address: {socket_address: {address: a.example, port_value: 80}}}}";
    const auto snapshot =
        load(with(", circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 12.5}}}]}, "
                  "common_http_protocol_options: {max_stream_duration: 3s}",
                  one));
    const ClusterConfig& cluster = first_of(snapshot);
    CHECK(cluster.type == ClusterConfig::Type::logical_dns);
    CHECK((cluster.retry_budget->percent == 12.5 && cluster.retry_budget->least == 3));
    CHECK(cluster.max_stream_duration == std::chrono::seconds(3));
    for (const std::string& endpoints : {std::string(), one + ", " + one}) {
        CHECK(errors_of(with("", endpoints)).find("LOGICAL_DNS clusters must have a single locality_lb_endpoint") !=
              std::string::npos);
    }
    CHECK(errors_of(with_cluster("circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 101}}}]}"))
              .find("retry_budget.budget_percent.value: must be between 0 and 100") != std::string::npos);
}

}  // namespace heirloom::config
