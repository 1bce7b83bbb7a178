// SPDX-License-Identifier: Apache-2.0
// A route table and requests, both of the fuzzer: hashes and indexes find what a look at each domain and each route in
// turn finds. A line is a domain, a route or a request, as its first byte says.
#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "proxy/router/route_table.h"
#include "tests/fuzz/fuzzed_input.h"

using namespace heirloom;
using namespace heirloom::router;
using config::RouteMatch;

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

struct Table {
    std::shared_ptr<config::HttpConnectionManagerConfig> config =
        std::make_shared<config::HttpConnectionManagerConfig>();
    std::set<std::string> domains;

    config::VirtualHostConfig& host() {
        auto& hosts = config->routes.virtual_hosts;
        if (hosts.empty()) hosts.emplace_back();
        return hosts.back();
    }
    void add_domain(std::string domain, bool new_host) {
        std::transform(domain.begin(), domain.end(), domain.begin(), lower);
        if (domain.empty() || domain.find('*', 1) < domain.size() - 1) return;
        if (domain.size() > 1 && domain.front() == '*' && domain.back() == '*') return;
        if (!domains.insert(domain).second) return;  // as config/ does
        if (new_host) config->routes.virtual_hosts.emplace_back();
        host().domains.push_back(std::move(domain));
    }
    void add_route(uint8_t kind, std::string_view text) {
        RouteMatch match;
        match.kind = static_cast<RouteMatch::Kind>(kind % 5);
        match.case_sensitive = (kind & 8) == 0;
        if (match.kind == RouteMatch::Kind::regex) {
            match.regex = config::compile_for_whole(std::string(text));
            if (!match.regex->ok()) return;
        } else if (match.kind != RouteMatch::Kind::connect) {
            match.value = text;
        }
        // The index is for tables that are not small.
        for (uint8_t copies = kind & 16 ? 9 : 1; copies > 0; --copies) host().routes.emplace_back().match = match;
    }
};

// How well a domain fits: the kind, then the length of what is fixed. 0: not.
size_t fit(std::string_view domain, std::string_view name) {
    if (domain == "*") return 1;
    if (name.empty()) return 0;
    const size_t fixed = domain.size() - 1;
    if (domain.starts_with('*'))
        return name.size() > fixed && equal(domain.substr(1), name.substr(name.size() - fixed)) ? 2'000'000 + fixed : 0;
    if (domain.ends_with('*'))
        return name.size() > fixed && equal(domain.substr(0, fixed), name.substr(0, fixed)) ? 1'000'000 + fixed : 0;
    return equal(domain, name) ? 3'000'000 : 0;
}

void check(const Table& table, const RouteTable& compiled, const http::HeaderMap& headers) {
    const config::VirtualHostConfig* best = nullptr;
    size_t best_fit = 0;
    for (const config::VirtualHostConfig& host : table.config->routes.virtual_hosts) {
        for (const std::string& domain : host.domains) {
            const size_t this_fit = fit(domain, headers.get(http::HeaderId::authority));
            if (this_fit > best_fit) best = &host;
            best_fit = std::max(best_fit, this_fit);
        }
    }
    const config::RouteConfig* route = nullptr;
    for (size_t i = 0; best && !route && i < best->routes.size(); ++i) {
        if (matches(best->routes[i].match, headers)) route = &best->routes[i];
    }
    const RouteMatched found = compiled.find(headers);
    if (found.virtual_host != best || found.route != route) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size > 4096) return 0;
    fuzz::Input input(data, size);
    Table table;
    std::vector<std::string_view> requests;
    while (!input.empty()) {
        const uint8_t kind = input.byte();
        const std::string_view text = input.line();
        if (kind >= 0x60) requests.push_back(text);
        if (kind >= 0x40 && kind < 0x60) table.add_domain(std::string(text), kind & 1);
        if (kind < 0x40) table.add_route(kind, text);
    }
    if (table.config->routes.virtual_hosts.empty() || requests.size() > 64) return 0;
    const auto compiled = RouteTable::compile(table.config);
    for (const std::string_view request : requests) {
        const size_t blank = std::min(request.find(' '), request.size());
        http::HeaderMap headers;
        headers.add_copy(http::HeaderId::authority, request.substr(0, blank));
        if (blank < request.size()) headers.add_copy(http::HeaderId::path, request.substr(blank + 1));
        check(table, *compiled, headers);
    }
    return 0;
}
