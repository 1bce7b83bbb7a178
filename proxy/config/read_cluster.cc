// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "proxy/config/field_names.h"
#include "proxy/config/health_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::cluster::v3::CircuitBreakers;
using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::HealthStatus;
using envoy::config::core::v3::RoutingPriority;
using envoy::config::core::v3::UpstreamHttpProtocolOptions;
using envoy::config::endpoint::v3::Endpoint;
using envoy::config::endpoint::v3::LbEndpoint;
using envoy::config::endpoint::v3::LocalityLbEndpoints;
using envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

constexpr uint32_t kMaxPriority = 128;
constexpr const char* kHttpProtocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

ClusterConfig::DnsFamily read_dns_family(Cluster::DnsLookupFamily family) {
    switch (family) {
        case Cluster::V4_ONLY:
            return ClusterConfig::DnsFamily::v4_only;
        case Cluster::V6_ONLY:
            return ClusterConfig::DnsFamily::v6_only;
        case Cluster::V4_PREFERRED:
            return ClusterConfig::DnsFamily::v4_preferred;
        case Cluster::ALL:
            return ClusterConfig::DnsFamily::all;
        default:  // protobuf's enums have values that are no names
            return ClusterConfig::DnsFamily::automatic;
    }
}

HostStatus read_host_status(HealthStatus status) {
    switch (status) {
        case HealthStatus::UNHEALTHY:
        case HealthStatus::TIMEOUT:
            return HostStatus::unhealthy;
        case HealthStatus::DRAINING:
            return HostStatus::draining;
        case HealthStatus::DEGRADED:
            return HostStatus::degraded;
        default:
            return HostStatus::healthy;
    }
}

void read_circuit_breakers(const CircuitBreakers& message, const Path& path, ClusterConfig& config,
                           Problems& problems) {
    bool seen[2] = {false, false};
    for (int i = 0; i < message.thresholds_size(); ++i) {
        const CircuitBreakers::Thresholds& limits = message.thresholds(i);
        const bool is_high = limits.priority() == RoutingPriority::HIGH;
        if (seen[is_high]) {
            problems.error(path.item("thresholds", static_cast<size_t>(i)), "second thresholds of the same priority");
        }
        seen[is_high] = true;
        READ_WRAPPED(limits, max_connections, is_high ? config.high_max_connections : config.max_connections);
        READ_WRAPPED(limits, max_pending_requests,
                     is_high ? config.high_max_pending_requests : config.max_pending_requests);
        READ_WRAPPED(limits, max_requests, is_high ? config.high_max_requests : config.max_requests);
        READ_WRAPPED(limits, max_retries, is_high ? config.high_max_retries : config.max_retries);
        if (!limits.has_retry_budget()) continue;
        const Path at = path.item("thresholds", static_cast<size_t>(i)).field("retry_budget");
        ClusterConfig::RetryBudget budget;
        READ_WRAPPED(limits.retry_budget(), budget_percent, budget.percent);
        READ_WRAPPED(limits.retry_budget(), min_retry_concurrency, budget.least);
        if (!(budget.percent >= 0 && budget.percent <= 100))
            problems.error(at.field("budget_percent").field("value"), "must be between 0 and 100");
        // Nothing is of the high priority yet.
        if (!is_high) config.retry_budget = budget;
    }
}

void read_panic_threshold(const Cluster::CommonLbConfig& message, const Path& path, ClusterConfig& config,
                          Problems& problems) {
    if (!message.has_healthy_panic_threshold()) return;
    const double percent = message.healthy_panic_threshold().value();
    if (!(percent >= 0 && percent <= 100)) {
        return problems.error(path.field("healthy_panic_threshold").field("value"), "must be between 0 and 100");
    }
    config.healthy_panic_threshold = static_cast<uint32_t>(percent + 0.5);
}

// As much as the system takes.
void read_keepalive(const envoy::config::core::v3::TcpKeepalive& message, const Path& path, ClusterConfig& config,
                    Problems& problems) {
    constexpr uint32_t kMostProbes = 127, kMostSeconds = 32767;
    ClusterConfig::TcpKeepalive read;
    const auto check = [&](bool there, uint32_t value, uint32_t most, const char* name) {
        if (there && (value == 0 || value > most))
            problems.error(path.field(name), "must be from 1 to " + std::to_string(most));
        return value;
    };
    read.probes =
        check(message.has_keepalive_probes(), message.keepalive_probes().value(), kMostProbes, "keepalive_probes");
    read.time = check(message.has_keepalive_time(), message.keepalive_time().value(), kMostSeconds, "keepalive_time");
    read.interval = check(message.has_keepalive_interval(), message.keepalive_interval().value(), kMostSeconds,
                          "keepalive_interval");
    config.tcp_keepalive = read;
}

void read_upstream_http(const UpstreamHttpProtocolOptions& message, const Path& path, ClusterConfig& config,
                        Problems& problems) {
    config.auto_sni = message.auto_sni();
    config.auto_san_validation = message.auto_san_validation();
    config.override_auto_sni_header =
        read_header_to_read(message.override_auto_sni_header(), path.field("override_auto_sni_header"), problems);
}

void read_http1(const envoy::config::core::v3::Http1ProtocolOptions& message, const Path& path, ClusterConfig& config,
                Problems& problems) {
    config.http1_trailers = message.enable_trailers();
    config.http1_proper_case_names = read_proper_case(message, path, problems);
    config.http1_preserve_case = read_preserve_case(message, path, problems);
}

void read_protocol(const HttpProtocolOptions& message, const Path& path, ClusterConfig& config, Problems& problems) {
    const auto read_versions = [&](const auto& options, const char* name) {
        read_http1(options.http_protocol_options(), path.field(name).field("http_protocol_options"), config, problems);
        config.http2 = read_http2_options(options.http2_protocol_options(),
                                          path.field(name).field("http2_protocol_options"), problems);
    };
    switch (message.upstream_protocol_options_case()) {
        case HttpProtocolOptions::kExplicitHttpConfig: {
            const auto& chosen = message.explicit_http_config();
            if (chosen.has_http2_protocol_options()) {
                config.protocol = ClusterConfig::Protocol::http2;
                read_versions(chosen, "explicit_http_config");
            } else if (chosen.has_http_protocol_options()) {
                read_http1(chosen.http_protocol_options(),
                           path.field("explicit_http_config").field("http_protocol_options"), config, problems);
            } else {
                problems.error(path.field("explicit_http_config"),
                               "one of http_protocol_options, http2_protocol_options is required");
            }
            break;
        }
        case HttpProtocolOptions::kUseDownstreamProtocolConfig:
            config.protocol = ClusterConfig::Protocol::by_downstream;
            read_versions(message.use_downstream_protocol_config(), "use_downstream_protocol_config");
            break;
        case HttpProtocolOptions::kAutoConfig:
            config.protocol = ClusterConfig::Protocol::by_alpn;
            read_versions(message.auto_config(), "auto_config");
            if (!config.tls) {
                problems.error(path.field("auto_config"),
                               "ALPN configured for cluster " + config.name + " which has a non-ALPN transport socket");
            }
            break;
        case HttpProtocolOptions::UPSTREAM_PROTOCOL_OPTIONS_NOT_SET:
            problems.error(path,
                           "one of explicit_http_config, use_downstream_protocol_config, auto_config is required");
            break;
    }
}

// The current place of these options, or the old one (fields of the cluster); both at once would leave one without
// effect.
void read_protocol_options(const Cluster& message, const Path& path, ClusterConfig& config, Problems& problems) {
    const CommonHttpOptions target{config.idle_timeout, config.max_connection_duration,
                                   config.max_requests_per_connection};
    READ_WRAPPED(message, max_requests_per_connection, config.max_requests_per_connection);
    const Path common = path.field("common_http_protocol_options");
    read_common_options(message.common_http_protocol_options(), common, target, problems);
    READ_DURATION(message.common_http_protocol_options(), max_stream_duration, common, problems,
                  config.max_stream_duration);
    read_http1(message.http_protocol_options(), path.field("http_protocol_options"), config, problems);
    const bool by_downstream = message.protocol_selection() == Cluster::USE_DOWNSTREAM_PROTOCOL;
    if (by_downstream) config.protocol = ClusterConfig::Protocol::by_downstream;
    if (message.has_http2_protocol_options()) {
        if (!by_downstream) config.protocol = ClusterConfig::Protocol::http2;
        config.http2 =
            read_http2_options(message.http2_protocol_options(), path.field("http2_protocol_options"), problems);
        if (message.has_http_protocol_options() && !by_downstream) {
            problems.error(path.field("http2_protocol_options"), "http_protocol_options are set too: use one");
        }
    }
    const bool has_old = message.has_common_http_protocol_options() || message.has_http_protocol_options() ||
                         message.has_http2_protocol_options() || message.has_max_requests_per_connection() ||
                         by_downstream;
    for (const auto& [key, any] : message.typed_extension_protocol_options()) {
        const Path at = path.field("typed_extension_protocol_options").key(key);
        if (key != kHttpProtocolOptions) {
            problems.error(at, "unknown key; supported: " + std::string(kHttpProtocolOptions));
            continue;
        }
        HttpProtocolOptions options;
        if (!any.UnpackTo(&options)) {
            problems.error(at, "required");
            continue;
        }
        if (has_old) {
            problems.error(at,
                           "common_http_protocol_options, http_protocol_options, http2_protocol_options, "
                           "protocol_selection and max_requests_per_connection of the cluster are set too: use one "
                           "place");
        }
        read_protocol(options, at, config, problems);
        read_upstream_http(options.upstream_http_protocol_options(), at.field("upstream_http_protocol_options"), config,
                           problems);
        const Path inner = at.field("common_http_protocol_options");
        read_common_options(options.common_http_protocol_options(), inner, target, problems);
        READ_DURATION(options.common_http_protocol_options(), max_stream_duration, inner, problems,
                      config.max_stream_duration);
    }
}

std::shared_ptr<const EndpointCheckConfig> read_endpoint_check(const Endpoint::HealthCheckConfig& message,
                                                               const Path& path, Problems& problems) {
    auto check = std::make_shared<EndpointCheckConfig>();
    check->disabled = message.disable_active_health_check();
    check->hostname = message.hostname();
    check_header_value(check->hostname, path.field("hostname"), problems);
    if (message.port_value() > 65535) problems.error(path.field("port_value"), "must be at most 65535");
    check->port = static_cast<uint16_t>(message.port_value());
    return check;
}

void read_endpoints(const LocalityLbEndpoints& message, const Path& path, ClusterConfig& config, Problems& problems) {
    const bool by_dns = config.type != ClusterConfig::Type::fixed;
    if (message.has_load_balancing_weight()) {
        const Path weight = path.field("load_balancing_weight");
        if (message.load_balancing_weight().value() == 0) problems.error(weight, "must be at least 1");
        if (!config.locality_weighted) problems.error(weight, "needs common_lb_config.locality_weighted_lb_config");
    }
    if (message.priority() > kMaxPriority) problems.error(path.field("priority"), "must be at most 128");
    for (int i = 0; i < message.lb_endpoints_size(); ++i) {
        const LbEndpoint& endpoint = message.lb_endpoints(i);
        const Path at = path.item("lb_endpoints", static_cast<size_t>(i));
        EndpointConfig& read = config.endpoints.emplace_back();
        READ_WRAPPED(endpoint, load_balancing_weight, read.weight);
        if (read.weight == 0) problems.error(at.field("load_balancing_weight"), "must be at least 1");
        read.hostname = endpoint.endpoint().hostname();
        check_header_value(read.hostname, at.field("endpoint").field("hostname"), problems);
        read.status = read_host_status(endpoint.health_status());
        read.priority = message.priority();
        read.locality_weight = message.load_balancing_weight().value();
        if (endpoint.endpoint().has_health_check_config()) {
            read.check = read_endpoint_check(endpoint.endpoint().health_check_config(),
                                             at.field("endpoint").field("health_check_config"), problems);
        }
        read.region = message.locality().region();
        read.zone = message.locality().zone();
        read.sub_zone = message.locality().sub_zone();
        if (!endpoint.has_endpoint()) {
            problems.error(at.field("endpoint"), "required");
        } else if (!endpoint.endpoint().has_address()) {
            problems.error(at.field("endpoint").field("address"), "required");
        } else {
            read_endpoint_address(endpoint.endpoint().address(), at.field("endpoint").field("address"), by_dns, read,
                                  problems);
        }
    }
}

}  // namespace

ClusterConfig read_cluster(const Cluster& message, const Path& path, ReadContext& context) {
    Problems& problems = context.problems;
    ClusterConfig config;
    config.name = message.name();
    config.alt_stat_name = message.alt_stat_name();
    require_text(config.name, path.field("name"), problems);
    if (message.type() == Cluster::STRICT_DNS) config.type = ClusterConfig::Type::strict_dns;
    if (message.type() == Cluster::LOGICAL_DNS) config.type = ClusterConfig::Type::logical_dns;
    config.dns_family = read_dns_family(message.dns_lookup_family());
    READ_DURATION(message, connect_timeout, path, problems, config.connect_timeout);
    if (config.connect_timeout.count() == 0) problems.error(path.field("connect_timeout"), "must be more than 0");
    READ_DURATION(message, dns_refresh_rate, path, problems, config.dns_refresh_rate);
    if (config.dns_refresh_rate.count() == 0) problems.error(path.field("dns_refresh_rate"), "must be more than 0");
    config.respect_dns_ttl = message.respect_dns_ttl();
    READ_WRAPPED(message, per_connection_buffer_limit_bytes, config.per_connection_buffer_limit_bytes);
    if (config.per_connection_buffer_limit_bytes == 0)
        config.per_connection_buffer_limit_bytes = UINT32_MAX;  // no limit
    config.locality_weighted = message.common_lb_config().has_locality_weighted_lb_config();
    read_panic_threshold(message.common_lb_config(), path.field("common_lb_config"), config, problems);
    if (message.health_checks_size() > 0) {
        config.health_check = read_health_check(message.health_checks(0), path.item("health_checks", 0), problems);
    }
    if (message.health_checks_size() > 1)
        problems.error(path.item("health_checks", 1), "Multiple health checks not supported");
    config.load_balancing = read_load_balancing(message, path, problems);
    if (message.upstream_connection_options().has_tcp_keepalive()) {
        read_keepalive(message.upstream_connection_options().tcp_keepalive(),
                       path.field("upstream_connection_options").field("tcp_keepalive"), config, problems);
    }
    if (message.has_outlier_detection()) {
        config.outlier_detection =
            read_outlier_detection(message.outlier_detection(), path.field("outlier_detection"), problems);
    }
    read_circuit_breakers(message.circuit_breakers(), path.field("circuit_breakers"), config, problems);
    if (message.has_transport_socket()) {
        read_upstream_socket(message.transport_socket(), path.field("transport_socket"), config, context);
    }
    read_protocol_options(message, path, config, problems);
    const Path assignment = path.field("load_assignment");
    if (message.has_load_assignment()) {
        require_text(message.load_assignment().cluster_name(), assignment.field("cluster_name"), problems);
    }
    READ_WRAPPED(message.load_assignment().policy(), overprovisioning_factor, config.overprovisioning_factor);
    if (config.overprovisioning_factor == 0)
        problems.error(assignment.field("policy").field("overprovisioning_factor"), "must be at least 1");
    for (int i = 0; i < message.load_assignment().endpoints_size(); ++i) {
        read_endpoints(message.load_assignment().endpoints(i), assignment.item("endpoints", static_cast<size_t>(i)),
                       config, problems);
    }
    if (config.type == ClusterConfig::Type::logical_dns && config.endpoints.size() != 1) {
        problems.error(assignment,
                       "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single "
                       "lb_endpoint");
    }
    return config;
}

}  // namespace heirloom::config
