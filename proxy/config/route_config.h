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
#include "proxy/config/runtime_key.h"

namespace heirloom::config {

using Milliseconds = std::chrono::milliseconds;

struct HashPolicyConfig;        // load_balancing_config.h
struct InternalRedirectConfig;  // internal_redirect_config.h
struct MirrorPolicyConfig;      // mirror_config.h
using MirrorPolicies = std::vector<MirrorPolicyConfig>;

// What a route asks for beside the path; all of it must hold.
struct RouteConditions {
    std::vector<HeaderMatch> headers;
    std::vector<QueryMatch> query;
    bool grpc = false;                        // content-type application/grpc, or application/grpc+...
    std::optional<RuntimeFraction> fraction;  // of the requests
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

// --- changes of header fields
struct HeaderToAdd {
    enum class Action : uint8_t { append, add_if_absent, overwrite, overwrite_if_present } action = Action::append;
    std::string name;         // lower case
    std::string value;        // in the syntax of access-log formats; already checked
    bool keep_empty = false;  // else a value that comes out empty adds nothing
};

struct HeaderMutation {
    std::vector<std::string> remove;  // first; lower case
    std::vector<HeaderToAdd> add;
    bool empty() const { return remove.empty() && add.empty(); }
};

struct HeaderMutations {
    HeaderMutation request, response;
};

// --- actions
struct RedirectAction {
    std::optional<std::string> scheme;  // https_redirect gives "https"
    std::optional<std::string> host;
    std::optional<uint16_t> port;
    std::optional<std::string> path;  // path_redirect (may hold a query)
    std::optional<std::string> prefix_rewrite;
    std::optional<RegexRewrite> regex_rewrite;
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

// One of several clusters, chosen by chance.
struct WeightedCluster {
    std::string name;            // "": as the request's field `cluster_header` says
    std::string cluster_header;  // lower case
    uint32_t weight = 0;
    RuntimeKey weight_key;                    // of runtime_key_prefix
    std::optional<std::string> host_rewrite;  // before all that the route rewrites
    HeaderMutations mutations;
};

struct ForwardAction {
    // Exactly one: a name; the field that names it, lower case; several.
    std::string cluster;
    std::string cluster_header;
    std::vector<WeightedCluster> weighted_clusters;  // their weights' sum is 1 to 2^32-1
    uint16_t cluster_not_found_status = 503;
    Milliseconds timeout{15000};               // 0: none
    std::optional<Milliseconds> idle_timeout;  // replaces the connection manager's stream_idle_timeout
    std::optional<std::string> prefix_rewrite;
    std::optional<RegexRewrite> regex_rewrite;
    // At most one: text; the field it is taken from, lower case; made of the path without its query; the endpoint's
    // name.
    std::optional<std::string> host_rewrite;
    std::string host_rewrite_header;
    std::optional<RegexRewrite> host_rewrite_path;
    bool auto_host_rewrite = false;
    bool append_x_forwarded_host = false;  // of the host that was rewritten
    std::vector<UpgradeConfig> upgrades;   // wins over the connection manager's, by type
    std::optional<ConnectConfig> connect;  // none: a CONNECT is forwarded as one
    // A request's grpc-timeout limits the stream, to at most this (0: to what it says); none: it limits nothing.
    std::optional<Milliseconds> grpc_timeout_max;
    Milliseconds grpc_timeout_offset{0};
    // Of gRPC requests: their grpc-timeout, none being infinite, up to this maximum (0: none) is the route's timeout.
    std::optional<Milliseconds> max_grpc_timeout;
    Milliseconds max_grpc_timeout_offset{0};
    std::optional<Milliseconds> max_stream_duration;                  // replaces the connection manager's; 0: none
    std::shared_ptr<const HashPolicyConfig> hash_policy;              // null: none
    std::shared_ptr<const RetryPolicyConfig> retry;                   // null: none
    std::shared_ptr<const MirrorPolicies> mirrors;                    // null: none
    std::shared_ptr<const InternalRedirectConfig> internal_redirect;  // null: such responses are the client's
};

struct RouteConfig {
    std::string name;
    RouteMatch match;
    // exactly one
    std::optional<ForwardAction> forward;
    std::optional<RedirectAction> redirect;
    std::optional<DirectResponseAction> direct_response;
    HeaderMutations mutations;
};

struct VirtualHostConfig {
    std::string name;
    std::vector<std::string> domains;  // as configured: "a.com", "*.a.com", "a.*", "*"
    std::vector<RouteConfig> routes;
    bool attempt_count_in_request = false, attempt_count_in_response = false;  // x-envoy-attempt-count
    // Of requests whose x-forwarded-proto is not https; external: that are not internal either.
    enum class RequireTls : uint8_t { none, external, all } require_tls = RequireTls::none;
    HeaderMutations mutations;
};

struct RouteTableConfig {
    std::string name;
    std::vector<VirtualHostConfig> virtual_hosts;
    HeaderMutations mutations;
    // Mutations are applied by route, virtual host, table; with this the other way round, so that the route's come
    // last.
    bool most_specific_mutations_win = false;
    bool mutations_have_operators = false;  // on any level: the streams must know what formats ask for
};

}  // namespace heirloom::config
