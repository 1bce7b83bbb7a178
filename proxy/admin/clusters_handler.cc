// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

namespace {

using upstream::ClusterStatus;
using upstream::EndpointNumbers;

struct Number {
    std::string_view name;
    uint64_t EndpointNumbers::*member;
    bool gauge;
};
// By name, as the text shows them; JSON has the counters first.
constexpr Number kNumbers[] = {
    {"cx_active", &EndpointNumbers::cx_active, true},
    {"cx_connect_fail", &EndpointNumbers::cx_connect_fail, false},
    {"cx_total", &EndpointNumbers::cx_total, false},
    {"rq_active", &EndpointNumbers::rq_active, true},
    {"rq_error", &EndpointNumbers::rq_error, false},
    {"rq_pending_active", &EndpointNumbers::rq_pending_active, true},
    {"rq_success", &EndpointNumbers::rq_success, false},
    {"rq_timeout", &EndpointNumbers::rq_timeout, false},
    {"rq_total", &EndpointNumbers::rq_total, false},
};

struct Threshold {
    std::string_view name;
    uint32_t config::ClusterConfig::*normal;
    uint32_t config::ClusterConfig::*high;
};
using Config = config::ClusterConfig;
constexpr Threshold kThresholds[] = {
    {"max_connections", &Config::max_connections, &Config::high_max_connections},
    {"max_pending_requests", &Config::max_pending_requests, &Config::high_max_pending_requests},
    {"max_requests", &Config::max_requests, &Config::high_max_requests},
    {"max_retries", &Config::max_retries, &Config::high_max_retries},
};

const std::string& observability_name(const Config& config) {
    return config.alt_stat_name.empty() ? config.name : config.alt_stat_name;
}

void append_text(std::string& out, const ClusterStatus& cluster) {
    const Config& config = *cluster.config;
    const std::string& name = config.name;
    const auto line = [&out](auto&&... parts) {
        std::string_view separator;
        ((out.append(separator).append(parts), separator = "::"), ...);
        out.push_back('\n');
    };
    line(name, "observability_name", observability_name(config));
    for (const Threshold& threshold : kThresholds) {
        line(name, "default_priority", threshold.name, std::to_string(config.*threshold.normal));
    }
    for (const Threshold& threshold : kThresholds) {
        line(name, "high_priority", threshold.name, std::to_string(config.*threshold.high));
    }
    line(name, "added_via_api", "false");
    for (const auto& endpoint : cluster.endpoints) {
        const std::string address = endpoint.address.to_string();
        for (const Number& number : kNumbers) {
            line(name, address, number.name, std::to_string(endpoint.numbers.*number.member));
        }
        line(name, address, "hostname", endpoint.hostname);
        line(name, address, "health_flags", upstream::flags_text(endpoint.health));
        line(name, address, "weight", std::to_string(endpoint.weight));
        line(name, address, "region", endpoint.region);
        line(name, address, "zone", endpoint.zone);
        line(name, address, "sub_zone", endpoint.sub_zone);
        line(name, address, "canary", "false");
        line(name, address, "priority", std::to_string(endpoint.priority));
        line(name, address, "success_rate", "-1");
        line(name, address, "local_origin_success_rate", "-1");
    }
}

void write_numbers(stats::JsonWriter& json, const EndpointNumbers& numbers) {
    json.begin_array();
    for (const bool gauges : {false, true}) {
        for (const Number& number : kNumbers) {
            if (number.gauge != gauges) continue;
            json.begin_object();
            if (gauges) json.field("type", "GAUGE");
            if (numbers.*number.member != 0) json.field("value", std::to_string(numbers.*number.member));
            json.field("name", number.name);
            json.end_object();
        }
    }
    json.end_array();
}

void write_locality(stats::JsonWriter& json, const ClusterStatus::EndpointStatus& endpoint) {
    json.begin_object();
    if (!endpoint.region.empty()) json.field("region", endpoint.region);
    if (!endpoint.zone.empty()) json.field("zone", endpoint.zone);
    if (!endpoint.sub_zone.empty()) json.field("sub_zone", endpoint.sub_zone);
    json.end_object();
}

void write_health(stats::JsonWriter& json, upstream::HealthFlags flags) {
    using namespace upstream::health_flag;
    const auto field_if = [&](upstream::HealthFlags flag, std::string_view name) {
        if (flags & flag) json.field(name, true);
    };
    field_if(failed_active_check, "failed_active_health_check");
    field_if(failed_outlier_check, "failed_outlier_check");
    json.field("eds_health_status", flags & failed_eds_health     ? "UNHEALTHY"
                                    : flags & draining_by_eds     ? "DRAINING"
                                    : flags & degraded_eds_health ? "DEGRADED"
                                                                  : "HEALTHY");
    field_if(degraded_active_check, "failed_active_degraded_check");
    field_if(pending_active_check, "pending_active_hc");
    field_if(excluded_at_once, "excluded_via_immediate_hc_fail");
    field_if(active_check_timeout, "active_hc_timeout");
}

void write_endpoint(stats::JsonWriter& json, const ClusterStatus::EndpointStatus& endpoint) {
    json.begin_object();
    json.key("address");
    write_address(json, endpoint.address);
    json.key("stats");
    write_numbers(json, endpoint.numbers);
    json.key("health_status");
    json.begin_object();
    write_health(json, endpoint.health);
    json.end_object();
    json.field("weight", uint64_t{endpoint.weight});
    if (!endpoint.hostname.empty()) json.field("hostname", endpoint.hostname);
    if (endpoint.priority != 0) json.field("priority", uint64_t{endpoint.priority});
    json.key("locality");
    write_locality(json, endpoint);
    json.end_object();
}

void write_thresholds(stats::JsonWriter& json, const Config& config, bool high) {
    json.begin_object();
    if (high) json.field("priority", "HIGH");
    for (const Threshold& threshold : kThresholds) {
        json.field(threshold.name, uint64_t{config.*(high ? threshold.high : threshold.normal)});
    }
    json.end_object();
}

void write_cluster(stats::JsonWriter& json, const ClusterStatus& cluster) {
    json.begin_object();
    json.field("name", cluster.config->name);
    if (!cluster.endpoints.empty()) {
        json.key("host_statuses");
        json.begin_array();
        for (const auto& endpoint : cluster.endpoints) write_endpoint(json, endpoint);
        json.end_array();
    }
    json.key("circuit_breakers");
    json.begin_object();
    json.key("thresholds");
    json.begin_array();
    write_thresholds(json, *cluster.config, false);
    write_thresholds(json, *cluster.config, true);
    json.end_array();
    json.end_object();
    json.field("observability_name", observability_name(*cluster.config));
    json.end_object();
}

}  // namespace

void handle_clusters(const Request& request, Answer& answer) {
    std::function<bool(std::string_view)> filter;
    if (!make_filter(request, answer, filter)) return;
    std::vector<ClusterStatus> clusters = request.server.clusters();
    if (filter) std::erase_if(clusters, [&](const ClusterStatus& cluster) { return !filter(cluster.config->name); });
    if (request.query.get("format") != "json") {
        for (const ClusterStatus& cluster : clusters) append_text(answer.body, cluster);
        return;
    }
    answer.content_type = kJson;
    stats::JsonWriter json(answer.body, stats::JsonWriter::Style::pretty);
    json.begin_object();
    if (!clusters.empty()) {
        json.key("cluster_statuses");
        json.begin_array();
        for (const ClusterStatus& cluster : clusters) write_cluster(json, cluster);
        json.end_array();
    }
    json.end_object();
    answer.body.push_back('\n');
}

}  // namespace heirloom::admin
