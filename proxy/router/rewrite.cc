// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/rewrite.h"

#include <algorithm>

namespace heirloom::router {

using http::HeaderId;

namespace {

constexpr std::string_view kOriginalHost = "x-envoy-original-host";

// The request's host without its port where the new address must not carry it (Envoy's rule).
std::string_view host_of(const http::HeaderMap& headers, std::string_view new_scheme, bool new_port) {
    const std::string_view host = headers.get(HeaderId::authority);
    if (host.empty()) return host;
    size_t colon = std::string_view::npos;
    if (host.front() == '[') {
        const size_t bracket = host.rfind("]:");
        if (bracket != std::string_view::npos) colon = bracket + 1;
    } else {
        colon = host.rfind(':');
    }
    if (colon == std::string_view::npos) return host;
    const std::string_view port = host.substr(colon);
    const std::string_view scheme = headers.get(HeaderId::x_forwarded_proto);
    bool drop = new_port;
    // A default port of the old scheme would be a wrong port of the new one.
    if (new_scheme != scheme)
        drop = drop || (scheme == "https" && port == ":443") || (scheme == "http" && port == ":80");
    return drop ? host.substr(0, colon) : host;
}

}  // namespace

void rewrite_prefix(http::HeaderMap& headers, const config::RouteMatch& match, const std::string& rewrite,
                    bool keep_original) {
    const std::string_view path = headers.get(HeaderId::path);
    const bool whole = match.kind == config::RouteMatch::Kind::regex;
    std::string changed = rewrite;
    changed += path.substr(std::min(whole ? path.find_first_of("?#") : match.value.size(), path.size()));
    if (keep_original) headers.set(HeaderId::x_envoy_original_path, path);
    headers.set(HeaderId::path, changed);
}

void rewrite_request(http::HeaderMap& headers, const config::RouteConfig& route, bool suppress_envoy_headers) {
    const config::ForwardAction& action = *route.forward;
    if (action.prefix_rewrite) rewrite_prefix(headers, route.match, *action.prefix_rewrite, !suppress_envoy_headers);
    if (action.host_rewrite) {
        const std::string_view host = headers.get(HeaderId::authority);
        if (!suppress_envoy_headers && !host.empty()) headers.set(kOriginalHost, host);
        headers.set(HeaderId::authority, *action.host_rewrite);
    }
}

std::string redirect_location(const http::HeaderMap& headers, const config::RedirectAction& action) {
    std::string_view scheme = headers.get(HeaderId::scheme);
    if (scheme.empty()) scheme = headers.get(HeaderId::x_forwarded_proto);
    if (scheme.empty()) scheme = "http";
    if (action.scheme) scheme = *action.scheme;

    std::string result(scheme);
    result += "://";
    result += action.host ? std::string_view(*action.host) : host_of(headers, scheme, action.port.has_value());
    if (action.port) result += ':' + std::to_string(*action.port);

    const std::string_view asked = headers.get(HeaderId::path);
    const size_t query = asked.find('?');
    std::string path;
    bool own_query = false;
    if (action.path) {
        path = *action.path;
        own_query = path.find('?') != std::string::npos;
        if (!own_query && query != std::string_view::npos) path += asked.substr(query);
    } else {
        path = asked;
    }
    // A query that the configuration gives stays.
    if (action.strip_query && !own_query) path.resize(std::min(path.size(), path.find('?')));
    return result + path;
}

}  // namespace heirloom::router
