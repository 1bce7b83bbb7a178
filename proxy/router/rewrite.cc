// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/rewrite.h"

#include <algorithm>

#include "proxy/router/regex_rewrite.h"

namespace heirloom::router {

using http::HeaderId;

namespace {

constexpr std::string_view kOriginalHost = "x-envoy-original-host";
constexpr std::string_view kForwardedHost = "x-forwarded-host";

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

// Valid until the next call on this thread.
std::string& made_by(const config::RegexRewrite& rewrite, std::string_view text) {
    thread_local std::string made;
    made.clear();
    replace_all(made, text, rewrite);
    return made;
}

void add_forwarded_host(http::HeaderMap& headers, std::string_view host) {
    std::string list;  // of all lines
    for (const http::HeaderField& field : headers.fields()) {
        if (field.removed || field.value.empty() || field.name != kForwardedHost) continue;
        if (!list.empty()) list += ',';
        list += field.value;
    }
    std::string_view last = std::string_view(list).substr(list.rfind(',') + 1);
    while (last.starts_with(' ')) last.remove_prefix(1);
    if (last != host) {
        if (!list.empty()) list += ',';
        list += host;
    }
    headers.set(kForwardedHost, list);
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

void rewrite_path(http::HeaderMap& headers, const config::RegexRewrite& rewrite, bool keep_original) {
    const std::string_view path = headers.get(HeaderId::path);
    if (path.empty()) return;
    const size_t own = std::min(path.size(), path.find_first_of("?#"));
    std::string& changed = made_by(rewrite, path.substr(0, own));
    if (changed.empty()) changed = "/";  // a request cannot do without
    changed += path.substr(own);
    if (keep_original) headers.set(HeaderId::x_envoy_original_path, path);
    headers.set(HeaderId::path, changed);
}

void rewrite_host(http::HeaderMap& headers, std::string_view host, bool append_forwarded, bool keep_original) {
    const std::string_view before = headers.get(HeaderId::authority);
    if (!before.empty()) {
        if (keep_original) headers.set(kOriginalHost, before);
        if (append_forwarded) add_forwarded_host(headers, before);
    }
    headers.set(HeaderId::authority, host);
}

void rewrite_request(http::HeaderMap& headers, const config::RouteConfig& route, bool suppress_envoy_headers) {
    const config::ForwardAction& action = *route.forward;
    const bool keep_original = !suppress_envoy_headers;
    const auto set_host = [&](std::string_view host) {
        if (!host.empty()) rewrite_host(headers, host, action.append_x_forwarded_host, keep_original);
    };
    if (action.host_rewrite) {
        set_host(*action.host_rewrite);
    } else if (!action.host_rewrite_header.empty()) {
        const http::HeaderField* const field = headers.find(action.host_rewrite_header);
        if (field) set_host(field->value);
    } else if (action.host_rewrite_path) {
        const std::string_view path = headers.get(HeaderId::path);
        set_host(made_by(*action.host_rewrite_path, path.substr(0, path.find_first_of("?#"))));
    }
    if (action.prefix_rewrite) rewrite_prefix(headers, route.match, *action.prefix_rewrite, keep_original);
    if (action.regex_rewrite) rewrite_path(headers, *action.regex_rewrite, keep_original);
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
