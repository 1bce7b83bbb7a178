// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_stats.h"

namespace heirloom::upstream {

namespace {

constexpr const char* kClassNames[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};

void add_code_specs(std::vector<stats::Registrar::Spec>& specs, const std::string& prefix, bool timed) {
    specs.push_back({prefix + "upstream_rq_", shm::StatKind::counter_by_code, {}});
    for (const char* name : kClassNames) specs.push_back({prefix + "upstream_rq_" + name, shm::StatKind::counter, {}});
    specs.push_back({prefix + "upstream_rq_unknown", shm::StatKind::counter, {}});
    specs.push_back({prefix + "upstream_rq_completed", shm::StatKind::counter, {}});
    if (timed) specs.push_back({prefix + "upstream_rq_time", shm::StatKind::histogram, {}});
}

ResponseCodeStats make_code_stats(stats::Registrar& registrar, const std::string& prefix, bool timed) {
    ResponseCodeStats result;
    result.by_code = registrar.code_counter(prefix + "upstream_rq_");
    for (size_t i = 0; i < result.by_class.size(); ++i)
        result.by_class[i] = registrar.counter(prefix + "upstream_rq_" + kClassNames[i]);
    result.unknown = registrar.counter(prefix + "upstream_rq_unknown");
    result.completed = registrar.counter(prefix + "upstream_rq_completed");
    if (timed) result.time = registrar.histogram(prefix + "upstream_rq_time");
    return result;
}

std::vector<stats::Registrar::Spec> table_specs(const std::string& prefix) {
    return {HEIRLOOM_CLUSTER_STATS(HEIRLOOM_SPEC_COUNTER, HEIRLOOM_SPEC_GAUGE, HEIRLOOM_SPEC_HISTOGRAM)};
}

ClusterTable make_table(stats::Registrar& registrar, const std::string& prefix) {
    return {HEIRLOOM_CLUSTER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

std::vector<stats::Registrar::Spec> breaker_specs(const std::string& prefix) {
    return {HEIRLOOM_CIRCUIT_BREAKER_STATS(HEIRLOOM_SPEC_COUNTER, HEIRLOOM_SPEC_GAUGE, HEIRLOOM_SPEC_HISTOGRAM)};
}

CircuitBreakerStats make_breakers(stats::Registrar& registrar, const std::string& prefix) {
    return {HEIRLOOM_CIRCUIT_BREAKER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace

ClusterStats make_cluster_stats(stats::Registrar& registrar, const config::ClusterConfig& config) {
    const std::string prefix =
        "cluster." + stats::sanitize(config.alt_stat_name.empty() ? config.name : config.alt_stat_name) + ".";
    const std::string breaker_prefix = prefix + "circuit_breakers.default.";
    const std::string external_prefix = prefix + "external.";
    std::vector<stats::Registrar::Spec> specs = table_specs(prefix);
    for (auto& spec : breaker_specs(breaker_prefix)) specs.push_back(std::move(spec));
    add_code_specs(specs, prefix, true);
    add_code_specs(specs, external_prefix, true);
    if (config.has_internal_requests) add_code_specs(specs, prefix + "internal.", true);
    if (config.retried) add_code_specs(specs, prefix + "retry.", false);
    registrar.prefetch(std::move(specs));

    ClusterStats result;
    static_cast<ClusterTable&>(result) = make_table(registrar, prefix);
    result.circuit_breakers = make_breakers(registrar, breaker_prefix);
    result.response_codes = make_code_stats(registrar, prefix, true);
    result.external = make_code_stats(registrar, external_prefix, true);
    if (config.has_internal_requests) result.internal = make_code_stats(registrar, prefix + "internal.", true);
    if (config.retried) result.retry = make_code_stats(registrar, prefix + "retry.", false);
    if (config.protocol != config::ClusterConfig::Protocol::http1)
        result.http2 = http::make_http2_stats(registrar, prefix + "http2.");
    return result;
}

ClusterManagerStats make_cluster_manager_stats(stats::Registrar& registrar) {
    const std::string prefix = "cluster_manager.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_CLUSTER_MANAGER_STATS)
    return {HEIRLOOM_CLUSTER_MANAGER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

DnsStats make_dns_stats(stats::Registrar& registrar) {
    const std::string prefix = "dns.cares.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_DNS_STATS)
    return {HEIRLOOM_DNS_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace heirloom::upstream
