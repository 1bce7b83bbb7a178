// SPDX-License-Identifier: Apache-2.0
// Snapshot: one whole validated configuration as plain immutable structs. Made by load_bootstrap()
// (bootstrap_loader.h); nothing outside config/ sees protobuf. Shared by all workers behind one pointer; lives until
// its last request ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/access_log_config.h"
#include "proxy/config/route_config.h"
#include "proxy/config/tls_config.h"
#include "shm/socket_name.h"

namespace heirloom::config {

// In headers of their own.
struct EndpointCheckConfig;     // health_config.h
struct HealthCheckConfig;       // health_config.h
struct OutlierDetectionConfig;  // health_config.h
struct LoadBalancingConfig;     // load_balancing_config.h
struct RuntimeConfig;           // runtime_config.h
struct StatsConfig;             // stats_config.h
struct LocalReplyConfig;        // local_reply_config.h

// --- HTTP/2, either side. Defaults are Envoy's.
struct Http2Config {
    uint32_t hpack_table_size = 4096;
    uint32_t max_concurrent_streams = 1024;
    uint32_t initial_stream_window_size = 16 * 1024 * 1024;
    uint32_t initial_connection_window_size = 24 * 1024 * 1024;
    bool allow_connect = false;
    uint32_t max_outbound_frames = 10000;
    uint32_t max_outbound_control_frames = 1000;
    uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
    uint32_t max_inbound_priority_frames_per_stream = 100;
    uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
    // PING. An interval of 0: none.
    Milliseconds keepalive_interval{0};
    Milliseconds keepalive_timeout{0};
    double keepalive_jitter_percent = 15;
    Milliseconds keepalive_idle_interval{0};  // before a new stream of a client
};

// --- listeners
struct CidrRange {
    shm::SocketAddress address;  // port 0; IPv4 also where it was written within IPv6 (::ffff:10.0.0.0/104)
    uint8_t prefix_length = 0;
    std::string text;  // as configured
};

// Who is trusted to ask by x-envoy-* fields.
struct InternalAddresses {
    bool unix_sockets = false;
    std::vector<CidrRange> ranges;
};

// original_ip_detection_extensions: one way to find out who the client is.
struct OriginalIp {
    std::string header;        // lower case; "": x-forwarded-for
    uint32_t hops = 0;         // x-forwarded-for: to skip from the right
    bool trusted = false;      // header: may say that the client is internal
    uint16_t refuse_with = 0;  // header: the answer where there is no address; 0: go on
};

// header_key_format.stateful_formatter: HTTP/1 heads that come are written to the other side as they came.
struct PreserveCase {
    bool on = false;
    bool capitalize_added = false;  // names that were added in between
    bool forward_reason = false;    // of responses
};

// headers_with_underscores_action
enum class UnderscoreNames : uint8_t { allow, refuse, drop };

// What becomes of a request's path and host before anybody looks at them.
struct TargetRules {
    enum class EscapedSlashes : uint8_t { keep, refuse, redirect, unescape };  // %2F and %5C
    enum class StripPort : uint8_t { never, matching, any };                   // matching: the listener's own

    bool normalize_path = false;
    bool merge_slashes = false;
    EscapedSlashes escaped_slashes = EscapedSlashes::keep;
    StripPort strip_port = StripPort::never;
    bool strip_trailing_dot = false;  // of the host

    bool change_path() const { return normalize_path || merge_slashes || escaped_slashes != EscapedSlashes::keep; }
    bool change_host() const { return strip_port != StripPort::never || strip_trailing_dot; }
};

struct HttpConnectionManagerConfig {
    enum class CodecType { automatic, http1, http2 } codec_type = CodecType::automatic;
    Http2Config http2;
    std::vector<UpgradeConfig> upgrades;
    enum class ForwardClientCert { sanitize, forward_only, append_forward, sanitize_set, always_forward_only };
    ForwardClientCert forward_client_cert = ForwardClientCert::sanitize;
    struct ClientCertDetails {
        bool subject = false, cert = false, chain = false, dns = false, uri = false;
    } client_cert_details;
    Milliseconds max_stream_duration{0};  // 0: none
    std::string stat_prefix;
    RouteTableConfig routes;
    std::vector<AccessLogConfig> access_logs;
    AccessLogOptions access_log_options;
    std::string server_name = "envoy";
    enum class ServerHeader { overwrite, append_if_absent, pass_through } server_header = ServerHeader::overwrite;
    bool use_remote_address = false;
    std::optional<InternalAddresses> internal;  // none: nobody
    uint32_t xff_num_trusted_hops = 0;
    bool skip_xff_append = false;
    bool generate_request_id = true;
    bool preserve_external_request_id = false;
    bool always_set_request_id_in_response = false;
    bool proxy_100_continue = false;
    bool suppress_envoy_headers = false;  // of the router filter
    uint32_t max_request_headers_kb = 60;
    uint32_t max_headers_count = 100;
    uint32_t max_requests_per_connection = 0;  // 0: no limit
    Milliseconds idle_timeout{3600 * 1000};    // 0: off, for all of these
    Milliseconds stream_idle_timeout{300 * 1000};
    Milliseconds request_timeout{0};
    Milliseconds request_headers_timeout{0};
    Milliseconds drain_timeout{5000};
    Milliseconds delayed_close_timeout{1000};
    Milliseconds max_connection_duration{0};
    bool enable_trailers = false;
    bool proper_case_names = false;  // of HTTP/1 answers: "Content-Type"
    PreserveCase preserve_case;      // of HTTP/1 requests
    bool accept_http10 = false;
    std::string default_host_for_http10;
    bool allow_absolute_url = true;
    std::shared_ptr<const LocalReplyConfig> local_reply;  // null: they leave as they are
    TargetRules target;
    std::vector<OriginalIp> original_ip;  // the first that finds one; none: x-forwarded-for and the peer, as above
    UnderscoreNames underscores = UnderscoreNames::allow;
    std::string via;  // "": none
    bool append_x_forwarded_port = false;
    std::string scheme;                // "http" or "https" in place of what came; "": as it came
    bool scheme_of_upstream = false;   // http or https as the cluster is spoken to
    bool keep_open_after_400 = false;  // HTTP/1: a request that was refused for its head, and was whole
};

// What a plain TCP connection is forwarded by.
struct TcpProxyConfig {
    std::string stat_prefix;
    struct WeightedCluster {
        std::string name;
        uint32_t weight = 1;
    };
    std::vector<WeightedCluster> clusters;   // at least one
    Milliseconds idle_timeout{3600 * 1000};  // no byte either way; 0: off
    Milliseconds max_connection_duration{0};
    uint32_t max_connect_attempts = 1;
    std::vector<AccessLogConfig> access_logs;
    AccessLogOptions access_log_options;
};

// Envoy's order of pruning: the first criterion that tells two chains apart decides. Empty: matches all.
struct FilterChainMatch {
    std::optional<uint16_t> destination_port;
    std::vector<CidrRange> prefix_ranges;
    std::vector<std::string> server_names;  // lower case: "a.com", "*.a.com"
    std::string transport_protocol;         // "", "raw_buffer", "tls"
    std::vector<std::string> application_protocols;
    std::vector<CidrRange> direct_source_prefix_ranges;
    enum class SourceType : uint8_t { any, same_ip_or_loopback, external } source_type = SourceType::any;
    std::vector<CidrRange> source_prefix_ranges;
    std::vector<uint16_t> source_ports;
};

struct FilterChainConfig {
    std::string name;
    FilterChainMatch match;
    std::shared_ptr<const DownstreamTlsConfig> tls;    // null: plain
    Milliseconds transport_socket_connect_timeout{0};  // of the TLS handshake; 0: none
    // the terminal filter, exactly one
    std::shared_ptr<const HttpConnectionManagerConfig> http;
    std::shared_ptr<const TcpProxyConfig> tcp;
};

// The listener filter proxy_protocol: the client's addresses come in front of its bytes.
struct ProxyProtocolConfig {
    bool allow_requests_without = false;
    bool allow_v1 = true, allow_v2 = true;
    std::string stat_prefix;
};

struct ListenerConfig {
    std::vector<FilterChainConfig> filter_chains;
    std::vector<AccessLogConfig> access_logs;  // one record for each connection
    std::optional<FilterChainConfig> default_filter_chain;
    bool tls_inspector = false;  // also when a chain asks for server names or protocols: Envoy then adds it
    std::optional<ProxyProtocolConfig> proxy_protocol;
    Milliseconds listener_filters_timeout{15000};  // 0: none
    bool continue_on_listener_filters_timeout = false;
    std::string name;  // "" in the file: a random UUID, as Envoy
    std::string configured_name;
    std::string stat_prefix;  // "" : the address
    shm::SocketAddress address;
    uint32_t unix_mode = 0;
    bool enable_reuse_port = true;
    uint32_t backlog = 0;  // 0: SOMAXCONN
    bool freebind = false;
    uint32_t tcp_fast_open_queue_length = 0;
    uint32_t per_connection_buffer_limit_bytes = 1024 * 1024;
    bool ignore_global_conn_limit = false;
    enum class Direction { unspecified, inbound, outbound } traffic_direction = Direction::unspecified;
    enum class DrainType { standard, modify_only } drain_type = DrainType::standard;
};

// --- clusters
// What the configuration says of an endpoint's health; UNKNOWN is healthy, TIMEOUT unhealthy.
enum class HostStatus : uint8_t { healthy, unhealthy, draining, degraded };

struct EndpointConfig {
    std::string host;  // as configured: IP literal, DNS name, or unix path
    uint16_t port = 0;
    std::string hostname;                       // endpoint.hostname
    std::optional<shm::SocketAddress> address;  // set when `host` is a literal or a unix path
    uint32_t weight = 1;
    std::string region, zone, sub_zone;
    uint32_t locality_weight = 0;  // of its locality, where they are weighed; 0: nobody is chosen there
    uint32_t priority = 0;         // of its locality; 0 is the highest
    HostStatus status = HostStatus::healthy;
    std::shared_ptr<const EndpointCheckConfig> check;  // null: as the cluster's
};

struct ClusterConfig {
    std::string name;
    std::string alt_stat_name;
    // fixed: STATIC. logical_dns: one endpoint, which moves to the first address of each answer.
    enum class Type { fixed, strict_dns, logical_dns } type = Type::fixed;
    // by_downstream: HTTP/2 for requests that came by HTTP/2. by_alpn: what the TLS handshake chose.
    enum class Protocol { http1, http2, by_downstream, by_alpn } protocol = Protocol::http1;
    Http2Config http2;
    bool http1_trailers = false;                   // HTTP/1: pass on the request's and the response's trailers
    bool http1_proper_case_names = false;          // HTTP/1: "Content-Type"
    PreserveCase http1_preserve_case;              // of responses
    std::shared_ptr<const UpstreamTlsConfig> tls;  // null: plain
    bool auto_sni = false;                         // SNI is the request's :authority
    std::string override_auto_sni_header;
    bool auto_san_validation = false;
    enum class ProxyProtocol { none, v1, v2 } proxy_protocol = ProxyProtocol::none;  // sent first on a connection
    Milliseconds max_connection_duration{0};
    Milliseconds max_stream_duration{0};                              // of each attempt of a request; 0: none
    std::shared_ptr<const LoadBalancingConfig> load_balancing;        // null: round robin
    std::shared_ptr<const HealthCheckConfig> health_check;            // null: none
    std::shared_ptr<const OutlierDetectionConfig> outlier_detection;  // null: none
    uint32_t overprovisioning_factor = 140;                           // percent
    bool locality_weighted = false;         // endpoints are chosen by their localities' weights
    uint32_t healthy_panic_threshold = 50;  // percent; 0: never
    // Of connections to endpoints; 0 in each: the system's.
    struct TcpKeepalive {
        uint32_t probes = 0, time = 0, interval = 0;  // seconds
    };
    std::optional<TcpKeepalive> tcp_keepalive;  // none: off
    enum class DnsFamily { automatic, v4_only, v6_only, v4_preferred, all } dns_family = DnsFamily::automatic;
    Milliseconds connect_timeout{5000};
    Milliseconds dns_refresh_rate{5000};
    bool respect_dns_ttl = false;
    Milliseconds idle_timeout{3600 * 1000};  // of pooled connections; 0: off
    uint32_t max_requests_per_connection = 0;
    uint32_t per_connection_buffer_limit_bytes = 1024 * 1024;
    // Circuit breakers, default priority.
    uint32_t max_connections = 1024;
    uint32_t max_pending_requests = 1024;
    uint32_t max_requests = 1024;
    uint32_t max_retries = 3;
    // Instead of max_retries: so many percent of the requests that are there, but at least so many retries.
    struct RetryBudget {
        double percent = 20;
        uint32_t least = 3;
    };
    std::optional<RetryBudget> retry_budget;
    uint32_t high_max_connections = 1024, high_max_pending_requests = 1024, high_max_requests = 1024,
             high_max_retries = 3;
    std::vector<EndpointConfig> endpoints;
    bool retried = false;                // some route has a retry policy
    bool has_internal_requests = false;  // some connection manager has an internal_address_config
};

// --- admin, node, whole
struct AdminConfig {
    shm::SocketAddress address;
    uint32_t unix_mode = 0;
    std::vector<AccessLogConfig> access_logs;
    bool ignore_global_conn_limit = false;
};

struct NodeConfig {
    std::string id, cluster, region, zone, sub_zone;
};

struct Snapshot {
    std::string path;  // of the file, "" when inline only
    NodeConfig node;
    std::optional<AdminConfig> admin;
    std::vector<ListenerConfig> listeners;
    std::vector<ClusterConfig> clusters;
    Milliseconds stats_flush_interval{5000};
    std::shared_ptr<const StatsConfig> stats;  // null: as if nothing were said
    // Warnings found while loading (deprecated fields): logged once, counted.
    std::vector<std::string> warnings;
    uint64_t unknown_fields = 0;     // with --allow-unknown-static-fields: server.static_unknown_fields
    uint64_t deprecated_fields = 0;  // runtime.deprecated_feature_use
    // Protobuf JSON (snake_case names) for /config_dump: the parts, made once.
    struct Dump {
        std::string bootstrap;                                      // JSON object
        std::vector<std::pair<std::string, std::string>> clusters;  // name, JSON object
        std::vector<std::pair<std::string, std::string>> listeners;
        std::vector<std::pair<std::string, std::string>> route_tables;
        std::vector<std::pair<std::string, std::string>> secrets;
        std::chrono::system_clock::time_point loaded;
    } dump;
    uint64_t hash = 0;                                   // of the text, for the reload report
    std::shared_ptr<const RuntimeConfig> runtime;        // null: none
    std::optional<uint64_t> max_downstream_connections;  // by the overload manager; none: the runtime's, if any

    const ClusterConfig* find_cluster(std::string_view name) const;
};

}  // namespace heirloom::config
