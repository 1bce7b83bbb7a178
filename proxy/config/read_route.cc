// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/route/v3/route.pb.h"
#include "proxy/config/field_names.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::route::v3::DirectResponseAction;
using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;
// These two have a struct of the same name.
using RedirectMessage = envoy::config::route::v3::RedirectAction;
using RouteMessage = envoy::config::route::v3::RouteAction;

constexpr size_t kMaxDirectResponseBody = 4096;  // unless the table says otherwise

uint16_t not_found_status(RouteMessage::ClusterNotFoundResponseCode code) {
    switch (code) {
        case RouteMessage::NOT_FOUND:
            return 404;
        case RouteMessage::INTERNAL_SERVER_ERROR:
            return 500;
        default:  // protobuf's enums have values that are no names
            return 503;
    }
}

VirtualHostConfig::RequireTls tls_requirement(VirtualHost::TlsRequirementType type) {
    switch (type) {
        case VirtualHost::EXTERNAL_ONLY:
            return VirtualHostConfig::RequireTls::external;
        case VirtualHost::ALL:
            return VirtualHostConfig::RequireTls::all;
        default:
            return VirtualHostConfig::RequireTls::none;
    }
}

uint16_t redirect_status(RedirectMessage::RedirectResponseCode code) {
    switch (code) {
        case RedirectMessage::FOUND:
            return 302;
        case RedirectMessage::SEE_OTHER:
            return 303;
        case RedirectMessage::TEMPORARY_REDIRECT:
            return 307;
        case RedirectMessage::PERMANENT_REDIRECT:
            return 308;
        default:
            return 301;
    }
}

struct TableContext {
    ReadContext& context;
    bool validate_clusters;
    size_t max_direct_response_body;
    std::shared_ptr<const MirrorPolicies> mirrors{};  // of what has none of its own
};

void read_stream_duration(const RouteMessage::MaxStreamDuration& message, const Path& path, ForwardAction& action,
                          Problems& problems) {
    READ_DURATION(message, max_stream_duration, path, problems, action.max_stream_duration);
    READ_DURATION(message, grpc_timeout_header_max, path, problems, action.grpc_timeout_max);
    READ_DURATION(message, grpc_timeout_header_offset, path, problems, action.grpc_timeout_offset);
    action.timeout = Milliseconds(0);  // a route has one way or the other
}

// Only a CONNECT can end here.
std::optional<ConnectConfig> read_connect(const RouteMessage& message, const Path& path, Problems& problems) {
    using Version = envoy::config::core::v3::ProxyProtocolConfig;
    std::optional<ConnectConfig> connect;
    for (int i = 0; i < message.upgrade_configs_size(); ++i) {
        const RouteMessage::UpgradeConfig& upgrade = message.upgrade_configs(i);
        if (!upgrade.has_connect_config()) continue;
        if (lower_case(upgrade.upgrade_type()) != "connect") {
            problems.error(path.item("upgrade_configs", static_cast<size_t>(i)).field("connect_config"),
                           "Non-CONNECT upgrade type " + upgrade.upgrade_type() + " has ConnectConfig");
        }
        connect.emplace();
        const auto& config = upgrade.connect_config();
        if (config.has_proxy_protocol_config())
            connect->proxy_version = config.proxy_protocol_config().version() == Version::V2 ? 2 : 1;
    }
    return connect;
}

void read_host_rewrite(const RouteMessage& message, const Path& path, ForwardAction& action, Problems& problems) {
    switch (message.host_rewrite_specifier_case()) {
        case RouteMessage::kHostRewriteLiteral:
            check_request_target(message.host_rewrite_literal(), path.field("host_rewrite_literal"), problems);
            if (!message.host_rewrite_literal().empty()) action.host_rewrite = message.host_rewrite_literal();
            break;
        case RouteMessage::kAutoHostRewrite:
            action.auto_host_rewrite = message.auto_host_rewrite().value();
            break;
        case RouteMessage::kHostRewriteHeader:
            action.host_rewrite_header =
                read_header_to_read(message.host_rewrite_header(), path.field("host_rewrite_header"), problems);
            break;
        case RouteMessage::kHostRewritePathRegex:
            action.host_rewrite_path =
                read_regex_rewrite(message.host_rewrite_path_regex(), path.field("host_rewrite_path_regex"), problems);
            break;
        case RouteMessage::HOST_REWRITE_SPECIFIER_NOT_SET:
            break;
    }
    action.append_x_forwarded_host = message.append_x_forwarded_host();
}

void read_rewrites(const RouteMessage& message, const Path& path, ForwardAction& action, Problems& problems) {
    if (!message.prefix_rewrite().empty()) {
        check_request_target(message.prefix_rewrite(), path.field("prefix_rewrite"), problems);
        action.prefix_rewrite = message.prefix_rewrite();
    }
    if (message.has_regex_rewrite()) {
        action.regex_rewrite = read_regex_rewrite(message.regex_rewrite(), path.field("regex_rewrite"), problems);
        if (action.prefix_rewrite) {
            problems.error(path.field("regex_rewrite"), "Specify only one of prefix_rewrite, regex_rewrite");
        }
    }
    read_host_rewrite(message, path, action, problems);
}

ForwardAction read_forward(const RouteMessage& message, const Path& path, const TableContext& table) {
    Problems& problems = table.context.problems;
    ForwardAction action;
    read_route_clusters(message, path, table.validate_clusters, action, table.context);
    action.cluster_not_found_status = not_found_status(message.cluster_not_found_response_code());
    READ_DURATION(message, timeout, path, problems, action.timeout);
    READ_DURATION(message, idle_timeout, path, problems, action.idle_timeout);
    if (message.has_retry_policy())
        action.retry = read_retry_policy(message.retry_policy(), path.field("retry_policy"), problems);
    action.mirrors =
        read_mirror_policies(message.request_mirror_policies(), path, table.validate_clusters, table.context);
    if (message.has_internal_redirect_policy()) {
        action.internal_redirect = read_internal_redirect(message.internal_redirect_policy(),
                                                          path.field("internal_redirect_policy"), problems);
    }
    action.upgrades = read_upgrades(message.upgrade_configs(), path, problems);
    action.hash_policy = read_hash_policy(message, path, problems);
    action.connect = read_connect(message, path, problems);
    READ_DURATION(message, max_grpc_timeout, path, problems, action.max_grpc_timeout);
    READ_DURATION(message, grpc_timeout_offset, path, problems, action.max_grpc_timeout_offset);
    if (message.has_max_stream_duration()) {
        if (message.has_max_grpc_timeout() || message.has_grpc_timeout_offset()) {
            problems.error(path.field("max_stream_duration"),
                           "max_grpc_timeout or grpc_timeout_offset are set too: use one place");
        }
        read_stream_duration(message.max_stream_duration(), path.field("max_stream_duration"), action, problems);
    }
    read_rewrites(message, path, action, problems);
    return action;
}

config::RedirectAction read_redirect(const RedirectMessage& message, const Path& path, Problems& problems) {
    config::RedirectAction action;
    const auto text = [&](const std::string& value, const char* name, std::optional<std::string>& target) {
        check_header_value(value, path.field(name), problems);
        if (!value.empty()) target = value;
    };
    if (message.https_redirect()) action.scheme = "https";
    text(message.scheme_redirect(), "scheme_redirect", action.scheme);
    text(message.host_redirect(), "host_redirect", action.host);
    text(message.path_redirect(), "path_redirect", action.path);
    text(message.prefix_rewrite(), "prefix_rewrite", action.prefix_rewrite);
    if (message.has_regex_rewrite()) {
        action.regex_rewrite = read_regex_rewrite(message.regex_rewrite(), path.field("regex_rewrite"), problems);
    }
    if (message.port_redirect() > 65535) problems.error(path.field("port_redirect"), "must be at most 65535");
    if (message.port_redirect() != 0) action.port = static_cast<uint16_t>(message.port_redirect());
    action.strip_query = message.strip_query();
    action.status = redirect_status(message.response_code());
    return action;
}

config::DirectResponseAction read_direct_response(const DirectResponseAction& message, const Path& path,
                                                  const TableContext& table) {
    Problems& problems = table.context.problems;
    config::DirectResponseAction action;
    if (message.status() < 200 || message.status() >= 600) {
        problems.error(path.field("status"), "must be from 200 to 599");
    }
    action.status = static_cast<uint16_t>(message.status());
    if (message.has_body()) {
        action.body = read_data_source(message.body(), path.field("body"), table.max_direct_response_body, problems);
    }
    return action;
}

config::RouteConfig read_route(const Route& message, const Path& path, const TableContext& table) {
    Problems& problems = table.context.problems;
    config::RouteConfig route;
    route.name = message.name();
    if (message.has_match()) {
        route.match = read_route_match(message.match(), path.field("match"), problems);
    } else {
        problems.error(path.field("match"), "required");
    }
    route.mutations = read_header_mutations(message, path, problems);
    switch (message.action_case()) {
        case Route::kRoute:
            route.forward = read_forward(message.route(), path.field("route"), table);
            break;
        case Route::kRedirect:
            route.redirect = read_redirect(message.redirect(), path.field("redirect"), problems);
            break;
        case Route::kDirectResponse:
            route.direct_response =
                read_direct_response(message.direct_response(), path.field("direct_response"), table);
            break;
        case Route::ACTION_NOT_SET:
            problems.error(path, "one of route, redirect, direct_response is required");
            break;
    }
    return route;
}

// `seen`: domains of the whole table.
VirtualHostConfig read_virtual_host(const VirtualHost& message, const Path& path, const std::string& table_name,
                                    std::set<std::string>& seen, const TableContext& table) {
    Problems& problems = table.context.problems;
    VirtualHostConfig host;
    host.name = message.name();
    require_text(host.name, path.field("name"), problems);
    if (message.domains().empty()) problems.error(path.field("domains"), "at least one is required");
    for (int i = 0; i < message.domains_size(); ++i) {
        const std::string& domain = message.domains(i);
        const Path at = path.item("domains", static_cast<size_t>(i));
        require_text(domain, at, problems);
        check_header_value(domain, at, problems);
        if (!seen.insert(lower_case(domain)).second) {
            problems.error(at, domain == "*"
                                   ? "Only a single wildcard domain is permitted in route " + table_name
                                   : "Only unique values for domains are permitted. Duplicate entry of domain " +
                                         domain + " in route " + table_name);
        }
        host.domains.push_back(domain);
    }
    host.require_tls = tls_requirement(message.require_tls());
    host.mutations = read_header_mutations(message, path, problems);
    host.attempt_count_in_request = message.include_request_attempt_count();
    host.attempt_count_in_response = message.include_attempt_count_in_response();
    std::shared_ptr<const RetryPolicyConfig> retry;
    if (message.has_retry_policy())
        retry = read_retry_policy(message.retry_policy(), path.field("retry_policy"), problems);
    auto mirrors =
        read_mirror_policies(message.request_mirror_policies(), path, table.validate_clusters, table.context);
    if (!mirrors) mirrors = table.mirrors;
    host.routes.reserve(static_cast<size_t>(message.routes_size()));
    for (int i = 0; i < message.routes_size(); ++i) {
        host.routes.push_back(read_route(message.routes(i), path.item("routes", static_cast<size_t>(i)), table));
        std::optional<ForwardAction>& forward = host.routes.back().forward;
        if (!forward) continue;
        if (!forward->retry) forward->retry = retry;        // a route's own stands for all of the virtual host's
        if (!forward->mirrors) forward->mirrors = mirrors;  // likewise
        if (forward->retry) table.context.retries = true;
    }
    return host;
}

}  // namespace

RouteTableConfig read_route_table(const RouteConfiguration& message, const Path& path, ReadContext& context) {
    TableContext table{context, true, kMaxDirectResponseBody};
    READ_WRAPPED(message, validate_clusters, table.validate_clusters);
    READ_WRAPPED(message, max_direct_response_body_size_bytes, table.max_direct_response_body);
    RouteTableConfig config;
    config.name = message.name();
    table.mirrors = read_mirror_policies(message.request_mirror_policies(), path, table.validate_clusters, context);
    config.mutations = read_header_mutations(message, path, context.problems);
    config.most_specific_mutations_win = message.most_specific_header_mutations_wins();
    std::set<std::string> seen;
    for (int i = 0; i < message.virtual_hosts_size(); ++i) {
        config.virtual_hosts.push_back(read_virtual_host(
            message.virtual_hosts(i), path.item("virtual_hosts", static_cast<size_t>(i)), config.name, seen, table));
    }
    config.mutations_have_operators = has_operators(config);
    return config;
}

}  // namespace heirloom::config
