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

#include "shm/socket_name.h"

namespace heirloom::config {

using Milliseconds = std::chrono::milliseconds;

// --- access log
struct AccessLogConfig {
    enum class Sink { file, standard_output, standard_error };
    Sink sink = Sink::file;
    std::string path;    // file
    std::string format;  // text format with operators; already checked
};

// --- routes
struct RouteMatch {
    enum class Kind { prefix, path };
    Kind kind = Kind::prefix;
    std::string value;
    bool case_sensitive = true;
};

struct RedirectAction {
    std::optional<std::string> scheme;  // https_redirect gives "https"
    std::optional<std::string> host;
    std::optional<uint16_t> port;
    std::optional<std::string> path;  // path_redirect (may hold a query)
    std::optional<std::string> prefix_rewrite;
    bool strip_query = false;
    uint16_t status = 301;
};

struct DirectResponseAction {
    uint16_t status = 200;
    std::string body;
};

struct ForwardAction {
    std::string cluster;
    uint16_t cluster_not_found_status = 503;
    Milliseconds timeout{15000};               // 0: none
    std::optional<Milliseconds> idle_timeout;  // replaces the connection manager's stream_idle_timeout
    std::optional<std::string> prefix_rewrite;
    std::optional<std::string> host_rewrite;
};

struct RouteConfig {
    std::string name;
    RouteMatch match;
    // exactly one
    std::optional<ForwardAction> forward;
    std::optional<RedirectAction> redirect;
    std::optional<DirectResponseAction> direct_response;
};

struct VirtualHostConfig {
    std::string name;
    std::vector<std::string> domains;  // as configured: "a.com", "*.a.com", "a.*", "*"
    std::vector<RouteConfig> routes;
};

struct RouteTableConfig {
    std::string name;
    std::vector<VirtualHostConfig> virtual_hosts;
};

// --- listeners
struct HttpConnectionManagerConfig {
    std::string stat_prefix;
    RouteTableConfig routes;
    std::vector<AccessLogConfig> access_logs;
    std::string server_name = "envoy";
    enum class ServerHeader { overwrite, append_if_absent, pass_through } server_header = ServerHeader::overwrite;
    bool use_remote_address = false;
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
    bool accept_http10 = false;
    std::string default_host_for_http10;
    bool allow_absolute_url = true;
};

struct ListenerConfig {
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
    enum class Direction { unspecified, inbound, outbound } traffic_direction = Direction::unspecified;
    enum class DrainType { standard, modify_only } drain_type = DrainType::standard;
    std::string filter_chain_name;
    std::shared_ptr<const HttpConnectionManagerConfig> http;  // the one filter chain's terminal filter
};

// --- clusters
struct EndpointConfig {
    std::string host;  // as configured: IP literal, DNS name, or unix path
    uint16_t port = 0;
    std::string hostname;                       // endpoint.hostname
    std::optional<shm::SocketAddress> address;  // set when `host` is a literal or a unix path
    uint32_t weight = 1;
    std::string region, zone, sub_zone;
};

struct ClusterConfig {
    std::string name;
    std::string alt_stat_name;
    enum class Type { fixed, strict_dns } type = Type::fixed;  // fixed: STATIC
    enum class LbPolicy { round_robin } lb_policy = LbPolicy::round_robin;
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
    uint32_t high_max_connections = 1024, high_max_pending_requests = 1024, high_max_requests = 1024,
             high_max_retries = 3;
    std::vector<EndpointConfig> endpoints;
};

// --- admin, node, whole
struct AdminConfig {
    shm::SocketAddress address;
    uint32_t unix_mode = 0;
    std::vector<AccessLogConfig> access_logs;
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
        std::chrono::system_clock::time_point loaded;
    } dump;
    uint64_t hash = 0;  // of the text, for the reload report

    const ClusterConfig* find_cluster(std::string_view name) const;
};

}  // namespace heirloom::config
