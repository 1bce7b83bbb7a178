// SPDX-License-Identifier: Apache-2.0
// What of a cluster decides which endpoint a request gets.
#include <doctest/doctest.h>

#include "tests/unit/config/load_text.h"

namespace heirloom::config {

namespace {

// A cluster `up` with `fields`, in flow style.
std::string with_cluster(const std::string& fields) {
    return "{static_resources: {clusters: [{name: up, " + fields + "}]}}";
}

constexpr const char* kEndpoint = "{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 80}}}";

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

TEST_CASE("what cannot be is told") {
    CHECK(errors_of(with_cluster("common_lb_config: {healthy_panic_threshold: {value: 101}}")) ==
          "static_resources.clusters[0].common_lb_config.healthy_panic_threshold.value: must be between 0 and 100");
    CHECK(errors_of(with_cluster("load_assignment: {cluster_name: up, policy: {overprovisioning_factor: 0}, endpoints: "
                                 "[{priority: 129}]}")) ==
          "static_resources.clusters[0].load_assignment.policy.overprovisioning_factor: must be at least 1\n"
          "static_resources.clusters[0].load_assignment.endpoints[0].priority: must be at most 128");
}

}  // namespace heirloom::config
