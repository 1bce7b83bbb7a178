// SPDX-License-Identifier: Apache-2.0
// RouteTable: which route answers a request. Compiled once from its configuration, immutable, shared by all workers; a
// look-up allocates nothing.
//
// Virtual host by authority, in lower case and with its port: exact > longest suffix (`*.a.com`) > longest prefix
// (`a.*`) > `*`. Then the host's routes in order; the first full match wins.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"
#include "proxy/router/route_index.h"

namespace heirloom::router {

struct RouteMatched {
    const config::VirtualHostConfig* virtual_host = nullptr;  // null: no virtual host
    const config::RouteConfig* route = nullptr;               // null: no route (404, NR)
    uint32_t index = 0;                                       // of the route, counted over all virtual hosts
    bool to_https = false;                                    // the virtual host wants TLS; no route was looked for
};

// Does `match` take the request? One without `:path` is a CONNECT. `random`: what a runtime fraction goes by.
bool matches(const config::RouteMatch& match, const http::HeaderMap& headers, uint64_t random = 0);

class RouteTable {
  public:
    // Keeps the configuration alive. Domains are valid and unique (config/ checks).
    static std::shared_ptr<const RouteTable> compile(std::shared_ptr<const config::HttpConnectionManagerConfig> config);

    // Routes of all virtual hosts: what `index` counts.
    uint32_t route_count() const { return route_count_; }

    // The result lives as long as the table. `:authority` may be empty, in any case, with a port. `random`: one number
    // for all runtime fractions of a request, so that two routes with 10 and 20 % share the first 10.
    RouteMatched find(const http::HeaderMap& headers, uint64_t random = 0) const;

  private:
    explicit RouteTable(std::shared_ptr<const config::HttpConnectionManagerConfig> config);

    struct Host {
        const config::VirtualHostConfig* config;
        uint32_t first_route;
        std::unique_ptr<const RouteIndex> index;  // null: few routes, that are tried one after another
    };
    const Host* find_host(std::string_view authority) const;
    // Its number among the host's routes; their number when there is none.
    static uint32_t find_route(const Host& host, const http::HeaderMap& headers, uint64_t random);

    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    using Domains = std::unordered_map<std::string, const Host*, Hash, std::equal_to<>>;
    struct Wildcards {
        size_t length;    // of the fixed part
        Domains domains;  // fixed part -> virtual host
    };
    static void add_wildcard(std::vector<Wildcards>& list, std::string fixed, const Host* host);

    std::shared_ptr<const config::HttpConnectionManagerConfig> config_;
    std::vector<Host> hosts_;
    Domains exact_;
    std::vector<Wildcards> suffixes_;  // longest first
    std::vector<Wildcards> prefixes_;  // longest first
    const Host* any_ = nullptr;
    uint32_t route_count_ = 0;
    bool only_any_ = false;  // the usual case: nothing to hash
};

}  // namespace heirloom::router
