// SPDX-License-Identifier: Apache-2.0
// Messages -> plain structs, with the checks that need the meaning. One function per message; each reports all it finds
// and returns something usable, so that reading goes on. Internal to config/.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "proxy/config/field_names.h"
#include "proxy/config/problems.h"
#include "proxy/config/secret_file.h"
#include "proxy/config/snapshot.h"

namespace google::protobuf {
class Duration;
template <class Element>
class RepeatedPtrField;
class Struct;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class Address;
class CidrRange;
class DataSource;
class HealthCheck;
class HeaderValueOption;
class Http1ProtocolOptions;
class Http2ProtocolOptions;
class HttpProtocolOptions;
class RuntimeFractionalPercent;
class SocketAddress;
class SubstitutionFormatString;
class TransportSocket;
}  // namespace envoy::config::core::v3
namespace envoy::config::accesslog::v3 {
class AccessLog;
class AccessLogFilter;
}  // namespace envoy::config::accesslog::v3
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
class LayeredRuntime;
}  // namespace envoy::config::bootstrap::v3
namespace envoy::config::cluster::v3 {
class Cluster;
class OutlierDetection;
}  // namespace envoy::config::cluster::v3
namespace envoy::config::listener::v3 {
class FilterChain;
class Listener;
}  // namespace envoy::config::listener::v3
namespace envoy::config::overload::v3 {
class OverloadManager;
}
namespace envoy::config::route::v3 {
class HeaderMatcher;
class InternalRedirectPolicy;
class QueryParameterMatcher;
class RetryPolicy;
class RouteAction;
class RouteAction_RequestMirrorPolicy;
class RouteConfiguration;
class RouteMatch;
}  // namespace envoy::config::route::v3
namespace envoy::type::matcher::v3 {
class RegexMatchAndSubstitute;
class RegexMatcher;
class StringMatcher;
}  // namespace envoy::type::matcher::v3
namespace envoy::type::v3 {
class FractionalPercent;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
class LocalReplyConfig;
}  // namespace envoy::extensions::filters::network::http_connection_manager::v3
namespace envoy::extensions::filters::network::tcp_proxy::v3 {
class TcpProxy;
}
namespace envoy::extensions::transport_sockets::tls::v3 {
class CertificateValidationContext;
class DownstreamTlsContext;
class SdsSecretConfig;
class Secret;
class TlsCertificate;
class TlsSessionTicketKeys;
class UpstreamTlsContext;
}  // namespace envoy::extensions::transport_sockets::tls::v3

namespace heirloom::config {

struct ReadContext {
    Problems& problems;
    std::set<std::string, std::less<>> clusters;  // all names
    bool retries = false;                         // a route has a retry policy
    bool internal_requests = false;               // a connection manager says who is internal
    bool clusters_known = true;                   // false: a cluster could not be read; do not call others unknown
    SecretFile secrets{};                         // static_resources.secrets
    bool secrets_known = true;                    // likewise
    std::map<std::string, Result<SecretFile>> secret_files{};  // SDS files, read once each
};

// --- read_values.cc
// At least 0 and at most 100 years, else a problem; parts of a millisecond are rounded up, so that only 0 means off.
Milliseconds read_duration(const google::protobuf::Duration& message, const Path& path, Problems& problems);
// The bytes; "" after a problem. Files are read now and not watched.
std::string read_data_source(const envoy::config::core::v3::DataSource& message, const Path& path, size_t max_bytes,
                             Problems& problems);
// May go out as (part of) a header value or a path: no control characters.
void check_header_value(const std::string& value, const Path& path, Problems& problems);
void require_text(const std::string& value, const Path& path, Problems& problems);  // not empty
std::string lower_case(std::string text);
// The upgrade_configs of a route or a connection manager: the messages differ and mean the same.
template <class List>
std::vector<UpgradeConfig> read_upgrades(const List& list, const Path& path, Problems& problems) {
    std::vector<UpgradeConfig> upgrades;
    for (int i = 0; i < list.size(); ++i) {
        const Path type = path.item("upgrade_configs", static_cast<size_t>(i)).field("upgrade_type");
        UpgradeConfig& upgrade = upgrades.emplace_back();
        upgrade.type = lower_case(list[i].upgrade_type());
        require_text(upgrade.type, type, problems);
        if (list[i].has_enabled()) upgrade.enabled = list[i].enabled().value();
        for (int before = 0; before < i; ++before) {
            if (upgrades[static_cast<size_t>(before)].type == upgrade.type) {
                problems.error(type, "Error: multiple upgrade configs with the same name: '" + upgrade.type + "'");
            }
        }
    }
    return upgrades;
}

// --- read_address.cc
// Where to listen. `unix_mode` gets pipe.mode.
shm::SocketAddress read_listen_address(const envoy::config::core::v3::Address& message, const Path& path,
                                       uint32_t* unix_mode, Problems& problems);
// Where to connect; names are allowed where `by_dns`.
void read_endpoint_address(const envoy::config::core::v3::Address& message, const Path& path, bool by_dns,
                           EndpointConfig& endpoint, Problems& problems);
// Where to send datagrams; no names.
std::optional<shm::SocketAddress> read_datagram_address(const envoy::config::core::v3::Address& message,
                                                        const Path& path, Problems& problems);

CidrRange read_cidr_range(const envoy::config::core::v3::CidrRange& message, const Path& path, Problems& problems);

// --- read_protocol_options.cc
// What connections of both sides have; the targets keep their defaults where a field is absent.
struct CommonHttpOptions {
    Milliseconds& idle_timeout;
    Milliseconds& max_connection_duration;
    uint32_t& max_requests_per_connection;
};
void read_common_options(const envoy::config::core::v3::HttpProtocolOptions& message, const Path& path,
                         const CommonHttpOptions& target, Problems& problems);
// header_key_format: are names to be written in proper case?
bool read_proper_case(const envoy::config::core::v3::Http1ProtocolOptions& message, const Path& path,
                      Problems& problems);
PreserveCase read_preserve_case(const envoy::config::core::v3::Http1ProtocolOptions& message, const Path& path,
                                Problems& problems);
Http2Config read_http2_options(const envoy::config::core::v3::Http2ProtocolOptions& message, const Path& path,
                               Problems& problems);

// --- read_matchers.cc
// For matches_whole(). Compiled, or what RE2 made of it after a problem.
Regex read_regex(const envoy::type::matcher::v3::RegexMatcher& message, const Path& path, Problems& problems);
RegexRewrite read_regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& message, const Path& path,
                                Problems& problems);
TextMatcher read_text_matcher(const envoy::type::matcher::v3::StringMatcher& message, const Path& path,
                              Problems& problems);  // its regex is not looked at
StringMatch read_string_match(const envoy::type::matcher::v3::StringMatcher& message, const Path& path,
                              Problems& problems);
HeaderMatch read_header_match(const envoy::config::route::v3::HeaderMatcher& message, const Path& path,
                              Problems& problems);
QueryMatch read_query_match(const envoy::config::route::v3::QueryParameterMatcher& message, const Path& path,
                            Problems& problems);

// --- read_header_mutation.cc
HeaderToAdd read_header_to_add(const envoy::config::core::v3::HeaderValueOption& message, const Path& path,
                               Problems& problems);
std::string read_header_to_remove(const std::string& name, const Path& path, Problems& problems);  // lower case
std::string read_header_to_copy(const std::string& name, const Path& path, Problems& problems);    // likewise
bool has_operators(const HeaderMutations& mutations);
bool has_operators(const RouteTableConfig& table);  // on any level
// The four fields that a route, a virtual host, a route configuration and a weighted cluster have alike.
template <class Message>
HeaderMutations read_header_mutations(const Message& message, const Path& path, Problems& problems) {
    HeaderMutations mutations;
    const auto read = [&](const auto& add, const auto& remove, const char* add_name, const char* remove_name,
                          HeaderMutation& target) {
        for (int i = 0; i < add.size(); ++i) {
            target.add.push_back(read_header_to_add(add[i], path.item(add_name, static_cast<size_t>(i)), problems));
        }
        for (int i = 0; i < remove.size(); ++i) {
            target.remove.push_back(
                read_header_to_remove(remove[i], path.item(remove_name, static_cast<size_t>(i)), problems));
        }
    };
    read(message.request_headers_to_add(), message.request_headers_to_remove(), "request_headers_to_add",
         "request_headers_to_remove", mutations.request);
    read(message.response_headers_to_add(), message.response_headers_to_remove(), "response_headers_to_add",
         "response_headers_to_remove", mutations.response);
    return mutations;
}

// --- read_route_match.cc
RouteMatch read_route_match(const envoy::config::route::v3::RouteMatch& message, const Path& path, Problems& problems);

// --- read_route_clusters.cc
// `validate`: a name that no cluster has is a problem.
void read_route_clusters(const envoy::config::route::v3::RouteAction& message, const Path& path, bool validate,
                         ForwardAction& action, ReadContext& context);

// `what` it is: "cluster", "weighted cluster", ...
void check_cluster_known(const std::string& name, const char* what, const Path& path, bool validate,
                         ReadContext& context);

// --- read_mirror.cc; null: none
using MirrorPolicyList = google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction_RequestMirrorPolicy>;
std::shared_ptr<const MirrorPolicies> read_mirror_policies(const MirrorPolicyList& list, const Path& path,
                                                           bool validate, ReadContext& context);
// --- read_internal_redirect.cc
std::shared_ptr<const InternalRedirectConfig> read_internal_redirect(
    const envoy::config::route::v3::InternalRedirectPolicy& message, const Path& path, Problems& problems);

// --- read_tls.cc
CertificateConfig read_certificate(const envoy::extensions::transport_sockets::tls::v3::TlsCertificate& message,
                                   const Path& path, Problems& problems);
ValidationConfig read_validation(
    const envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext& message, const Path& path,
    Problems& problems);
std::vector<std::string> read_ticket_keys(
    const envoy::extensions::transport_sockets::tls::v3::TlsSessionTicketKeys& message, const Path& path,
    Problems& problems);
std::shared_ptr<const DownstreamTlsConfig> read_downstream_tls(
    const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext& message, const Path& path,
    ReadContext& context);
std::shared_ptr<const UpstreamTlsConfig> read_upstream_tls(
    const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext& message, const Path& path,
    ReadContext& context);

// --- secret_file.cc
enum class SecretKind { certificate, validation, ticket_keys };
void read_secret(const envoy::extensions::transport_sockets::tls::v3::Secret& message, const Path& path,
                 SecretFile& secrets, Problems& problems);
// Where a secret comes from; none: it is (or should be, else a problem) in `context.secrets`. The file is checked.
std::optional<SecretSource> read_secret_source(
    const envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& message, const Path& path, SecretKind kind,
    ReadContext& context);

// --- read_transport_socket.cc
std::shared_ptr<const DownstreamTlsConfig> read_downstream_socket(  // null: plain
    const envoy::config::core::v3::TransportSocket& message, const Path& path, ReadContext& context);
void read_upstream_socket(const envoy::config::core::v3::TransportSocket& message, const Path& path,
                          ClusterConfig& config, ReadContext& context);

// --- read_filter_chain.cc
FilterChainConfig read_filter_chain(const envoy::config::listener::v3::FilterChain& message, const Path& path,
                                    ReadContext& context);
// That no two can match the same connection equally well. `path`: of the list.
void check_filter_chains(const std::vector<FilterChainConfig>& chains, const Path& path, Problems& problems);

// --- read_health_check.cc
std::shared_ptr<const HealthCheckConfig> read_health_check(const envoy::config::core::v3::HealthCheck& message,
                                                           const Path& path, Problems& problems);

// --- read_load_balancing.cc; null: round robin, no policy
std::shared_ptr<const LoadBalancingConfig> read_load_balancing(const envoy::config::cluster::v3::Cluster& message,
                                                               const Path& path, Problems& problems);
std::shared_ptr<const HashPolicyConfig> read_hash_policy(const envoy::config::route::v3::RouteAction& message,
                                                         const Path& path, Problems& problems);

// --- read_stats_config.cc; after the clusters, whose names it looks up
std::shared_ptr<const StatsConfig> read_stats_config(const envoy::config::bootstrap::v3::Bootstrap& message,
                                                     const NodeConfig& node, ReadContext& context);

// --- read_outlier_detection.cc
std::shared_ptr<const OutlierDetectionConfig> read_outlier_detection(
    const envoy::config::cluster::v3::OutlierDetection& message, const Path& path, Problems& problems);

// --- read_runtime.cc
FractionalPercent read_fractional_percent(const envoy::type::v3::FractionalPercent& message);
RuntimeFraction read_runtime_fraction(const envoy::config::core::v3::RuntimeFractionalPercent& message,
                                      const Path& path, Problems& problems);
std::shared_ptr<const RuntimeConfig> read_layered_runtime(const envoy::config::bootstrap::v3::LayeredRuntime& message,
                                                          const std::string& service_cluster, const Path& path,
                                                          Problems& problems);
// The most downstream connections; none: no limit.
std::optional<uint64_t> read_overload_manager(const envoy::config::overload::v3::OverloadManager& message,
                                              const Path& path, Problems& problems);

// --- one file each
std::shared_ptr<const TcpProxyConfig> read_tcp_proxy(
    const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& message, const Path& path, Problems& problems);
// --- read_log_format.cc
LogFormat read_text_log_format(const std::string& text, const Path& path, Problems& problems);
// One line of JSON for each record, its keys sorted.
LogFormat read_json_log_format(const google::protobuf::Struct& message, const Path& path, Problems& problems);
LogFormat read_log_format(const envoy::config::core::v3::SubstitutionFormatString& message, const Path& path,
                          Problems& problems);

// --- read_log_filter.cc
LogFilter read_log_filter(const envoy::config::accesslog::v3::AccessLogFilter& message, const Path& path,
                          Problems& problems);

// The interval of an access_log_options.
template <class Message>
AccessLogOptions read_log_interval(const Message& message, const Path& path, Problems& problems) {
    AccessLogOptions options;
    if (!message.has_access_log_flush_interval()) return options;
    const Path at = path.field("access_log_flush_interval");
    options.interval = read_duration(message.access_log_flush_interval(), at, problems);
    if (options.interval.count() == 0) problems.error(at, "must be at least 0.001s");
    return options;
}
AccessLogConfig read_access_log(const envoy::config::accesslog::v3::AccessLog& message, const Path& path,
                                Problems& problems);
std::shared_ptr<const RetryPolicyConfig> read_retry_policy(const envoy::config::route::v3::RetryPolicy& message,
                                                           const Path& path, Problems& problems);
RouteTableConfig read_route_table(const envoy::config::route::v3::RouteConfiguration& message, const Path& path,
                                  ReadContext& context);
std::shared_ptr<const LocalReplyConfig> read_local_reply(
    const envoy::extensions::filters::network::http_connection_manager::v3::LocalReplyConfig& message, const Path& path,
    Problems& problems);
std::shared_ptr<const HttpConnectionManagerConfig> read_connection_manager(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& message,
    const Path& path, ReadContext& context);
ListenerConfig read_listener(const envoy::config::listener::v3::Listener& message, const Path& path,
                             ReadContext& context);
ClusterConfig read_cluster(const envoy::config::cluster::v3::Cluster& message, const Path& path, ReadContext& context);
// Everything, and what only shows when all is known (names and addresses used twice).
void read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& message, Problems& problems, Snapshot& snapshot);

// Deprecated fields are read here on purpose; the user is warned while the text is parsed.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

// For the many fields that are read the same way: `target` keeps its default when the field is absent.
#define READ_DURATION(message, name, path, problems, target) \
    if ((message).has_##name()) (target) = read_duration((message).name(), (path).field(#name), problems)
#define READ_WRAPPED(message, name, target) \
    if ((message).has_##name()) (target) = (message).name().value()

}  // namespace heirloom::config
