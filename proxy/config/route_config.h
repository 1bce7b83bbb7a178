// SPDX-License-Identifier: Apache-2.0
// The route table of a connection manager as plain structs; part of the snapshot. Expressions are compiled here, so
// that all workers share them and a request compiles nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/matchers.h"
#include "proxy/config/retry_config.h"

namespace heirloom::config {

using Milliseconds = std::chrono::milliseconds;

struct HashPolicyConfig;  // load_balancing_config.h

// What a route asks for beside the path; all of it must hold.
struct RouteConditions {
    std::vector<HeaderMatch> headers;
    std::vector<QueryMatch> query;
    bool grpc = false;  // content-type application/grpc, or application/grpc+...
};

struct RouteMatch {
    // path_separated: a prefix that ends at the end of the path or before a slash. regex: the whole path. connect:
    // CONNECT and nothing else; the others never CONNECT.
    enum class Kind { prefix, path, path_separated, regex, connect };
    Kind kind = Kind::prefix;
    std::string value;           // "" for regex and connect
    bool case_sensitive = true;  // not of regex
    Regex regex{};
    std::shared_ptr<const RouteConditions> conditions{};  // null: none, the usual case
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

struct UpgradeConfig {
    std::string type;  // lower case: "websocket", "connect", ...
    bool enabled = true;
};

// A CONNECT ends here: its payload goes to the cluster as it is, over a TCP connection of its own.
struct ConnectConfig {
    uint8_t proxy_version = 0;  // of the PROXY header that is sent before it; 0: none
};

struct ForwardAction {
    std::string cluster;
    uint16_t cluster_not_found_status = 503;
    Milliseconds timeout{15000};               // 0: none
    std::optional<Milliseconds> idle_timeout;  // replaces the connection manager's stream_idle_timeout
    std::optional<std::string> prefix_rewrite;
    std::optional<std::string> host_rewrite;
    std::vector<UpgradeConfig> upgrades;   // wins over the connection manager's, by type
    std::optional<ConnectConfig> connect;  // none: a CONNECT is forwarded as one
    // A request's grpc-timeout limits the stream, to at most this (0: to what it says); none: it limits nothing.
    std::optional<Milliseconds> grpc_timeout_max;
    Milliseconds grpc_timeout_offset{0};
    // Of gRPC requests: their grpc-timeout, none being infinite, up to this maximum (0: none) is the route's timeout.
    std::optional<Milliseconds> max_grpc_timeout;
    Milliseconds max_grpc_timeout_offset{0};
    std::optional<Milliseconds> max_stream_duration;      // replaces the connection manager's; 0: none
    std::shared_ptr<const HashPolicyConfig> hash_policy;  // null: none
    std::shared_ptr<const RetryPolicyConfig> retry;       // null: none
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
    bool attempt_count_in_request = false, attempt_count_in_response = false;  // x-envoy-attempt-count
};

struct RouteTableConfig {
    std::string name;
    std::vector<VirtualHostConfig> virtual_hosts;
};

}  // namespace heirloom::config
