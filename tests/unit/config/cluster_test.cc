// SPDX-License-Identifier: Apache-2.0
// What of a cluster decides which endpoint a request gets.
#include <doctest/doctest.h>

#include "proxy/config/health_config.h"
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

TEST_CASE("what cannot be is told") {
    CHECK(errors_of(with_cluster("common_lb_config: {healthy_panic_threshold: {value: 101}}")) ==
          "static_resources.clusters[0].common_lb_config.healthy_panic_threshold.value: must be between 0 and 100");
    CHECK(errors_of(with_cluster("load_assignment: {cluster_name: up, policy: {overprovisioning_factor: 0}, endpoints: "
                                 "[{priority: 129}]}")) ==
          "static_resources.clusters[0].load_assignment.policy.overprovisioning_factor: must be at least 1\n"
          "static_resources.clusters[0].load_assignment.endpoints[0].priority: must be at most 128");
}

}  // namespace heirloom::config
