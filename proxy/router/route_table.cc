// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/route_table.h"

#include <strings.h>

#include <algorithm>
#include <array>

#include "proxy/http/message_match.h"
#include "proxy/runtime/table.h"

namespace heirloom::router {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

bool equal(std::string_view a, std::string_view b, bool case_sensitive) {
    if (a.size() != b.size()) return false;
    return case_sensitive ? a == b : ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Longest name a host may have, plus a port; anything longer cannot be in the table but may still match a wildcard.
constexpr size_t kInlineAuthority = 320;
// So many are compared as soon as they would be looked up.
constexpr size_t kFewRoutes = 16;

bool matches_path(const config::RouteMatch& match, std::string_view path) {
    const auto without_query = [path] { return path.substr(0, path.find_first_of("?#")); };
    switch (match.kind) {
        case config::RouteMatch::Kind::connect:
            return path.data() == nullptr;
        case config::RouteMatch::Kind::prefix:
            if (path.size() < match.value.size() || path.empty()) return false;
            return equal(path.substr(0, match.value.size()), match.value, match.case_sensitive);
        case config::RouteMatch::Kind::path:
            return !path.empty() && equal(without_query(), match.value, match.case_sensitive);
        case config::RouteMatch::Kind::path_separated: {
            const std::string_view own = without_query();
            const size_t size = match.value.size();
            if (own.empty() || own.size() < size || (own.size() > size && own[size] != '/')) return false;
            return equal(own.substr(0, size), match.value, match.case_sensitive);
        }
        case config::RouteMatch::Kind::regex:
            return !path.empty() && config::matches_whole(match.regex, without_query());
    }
    return false;
}

bool wants_https(const config::VirtualHostConfig& host, const http::HeaderMap& headers) {
    if (headers.get(http::HeaderId::x_forwarded_proto) == "https") return false;
    const bool internal = headers.get(http::HeaderId::x_envoy_internal) == "true";
    return host.require_tls == config::VirtualHostConfig::RequireTls::all || !internal;
}

bool holds(const config::RouteConditions& conditions, const http::HeaderMap& headers, uint64_t random) {
    const auto header_fits = [&](const config::HeaderMatch& match) { return http::matches(match, headers); };
    const auto query_fits = [path = headers.get(http::HeaderId::path)](const config::QueryMatch& match) {
        return http::matches(match, path);
    };
    return (!conditions.fraction || runtime::includes(*conditions.fraction, random)) &&
           (!conditions.grpc || http::is_grpc(headers)) &&
           std::all_of(conditions.headers.begin(), conditions.headers.end(), header_fits) &&
           std::all_of(conditions.query.begin(), conditions.query.end(), query_fits);
}

}  // namespace

bool matches(const config::RouteMatch& match, const http::HeaderMap& headers, uint64_t random) {
    return matches_path(match, headers.get(http::HeaderId::path)) &&
           (!match.conditions || holds(*match.conditions, headers, random));
}

std::shared_ptr<const RouteTable> RouteTable::compile(
    std::shared_ptr<const config::HttpConnectionManagerConfig> config) {
    return std::shared_ptr<const RouteTable>(new RouteTable(std::move(config)));
}

void RouteTable::add_wildcard(std::vector<Wildcards>& list, std::string fixed, const Host* host) {
    auto same = std::find_if(list.begin(), list.end(), [&](const Wildcards& w) { return w.length == fixed.size(); });
    if (same == list.end()) same = list.insert(list.end(), Wildcards{fixed.size(), {}});
    same->domains.emplace(std::move(fixed), host);
}

RouteTable::RouteTable(std::shared_ptr<const config::HttpConnectionManagerConfig> config) : config_(std::move(config)) {
    hosts_.reserve(config_->routes.virtual_hosts.size());  // the maps point into it
    for (const config::VirtualHostConfig& with : config_->routes.virtual_hosts) {
        Host& host = hosts_.emplace_back(Host{&with, route_count_, {}});
        route_count_ += static_cast<uint32_t>(with.routes.size());
        if (with.routes.size() > kFewRoutes) host.index = std::make_unique<const RouteIndex>(with.routes);
        for (const std::string& configured : with.domains) {
            std::string domain = lower_case(configured);
            if (domain == "*") {
                any_ = &host;
            } else if (domain.starts_with('*')) {
                add_wildcard(suffixes_, domain.substr(1), &host);
            } else if (domain.ends_with('*')) {
                domain.pop_back();
                add_wildcard(prefixes_, std::move(domain), &host);
            } else {
                exact_.emplace(std::move(domain), &host);
            }
        }
    }
    const auto longest_first = [](const Wildcards& a, const Wildcards& b) { return a.length > b.length; };
    std::sort(suffixes_.begin(), suffixes_.end(), longest_first);
    std::sort(prefixes_.begin(), prefixes_.end(), longest_first);
    only_any_ = exact_.empty() && suffixes_.empty() && prefixes_.empty();
}

const RouteTable::Host* RouteTable::find_host(std::string_view authority) const {
    if (only_any_ || authority.empty()) return any_;
    std::array<char, kInlineAuthority> small;
    std::string large;
    std::string_view name;
    if (authority.size() <= small.size()) {
        std::transform(authority.begin(), authority.end(), small.begin(), lower);
        name = {small.data(), authority.size()};
    } else {
        large = lower_case(authority);
        name = large;
    }
    if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
    // A wildcard stands for at least one character.
    for (const Wildcards& wildcards : suffixes_) {
        if (wildcards.length >= name.size()) continue;
        const auto found = wildcards.domains.find(name.substr(name.size() - wildcards.length));
        if (found != wildcards.domains.end()) return found->second;
    }
    for (const Wildcards& wildcards : prefixes_) {
        if (wildcards.length >= name.size()) continue;
        const auto found = wildcards.domains.find(name.substr(0, wildcards.length));
        if (found != wildcards.domains.end()) return found->second;
    }
    return any_;
}

uint32_t RouteTable::find_route(const Host& host, const http::HeaderMap& headers, uint64_t random) {
    const std::vector<config::RouteConfig>& routes = host.config->routes;
    const auto fits = [&](uint32_t number) { return matches(routes[number].match, headers, random); };
    if (host.index) return host.index->first(headers.get(http::HeaderId::path), fits);
    uint32_t number = 0;
    while (number < routes.size() && !fits(number)) ++number;
    return number;
}

RouteMatched RouteTable::find(const http::HeaderMap& headers, uint64_t random) const {
    RouteMatched result;
    const Host* const host = find_host(headers.get(http::HeaderId::authority));
    if (!host) return result;
    result.virtual_host = host->config;
    result.index = host->first_route;
    if (host->config->require_tls != config::VirtualHostConfig::RequireTls::none &&
        wants_https(*host->config, headers)) {
        result.to_https = true;
        return result;
    }
    const uint32_t number = find_route(*host, headers, random);
    result.index += number;
    if (number < host->config->routes.size()) result.route = &host->config->routes[number];
    return result;
}

}  // namespace heirloom::router
