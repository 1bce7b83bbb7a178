// SPDX-License-Identifier: Apache-2.0
// HeaderMutator: the changes that one level of the configuration (a weighted cluster, a route, a virtual host, the
// route table) makes to one kind of message. RouteMutators: the levels of each route in their order, compiled once per
// worker, since formats cache the rendered second. Applying them allocates nothing once their memory has grown.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/access_log/format.h"
#include "proxy/config/route_config.h"
#include "proxy/http/headers.h"
#include "proxy/http/stream_info.h"

namespace heirloom::router {

class HeaderMutator {
  public:
    // `config` outlives this.
    explicit HeaderMutator(const config::HeaderMutation& config);

    // Removes, then overwrites, then adds. All values are made before anything is added, from what is left in
    // `headers`, which is the request of `record` or its response.
    void apply(http::HeaderMap& headers, const access_log::Record& record);

  private:
    struct Addition {
        const config::HeaderToAdd* config;
        std::string constant;                      // where there is no operator
        std::unique_ptr<access_log::Format> made;  // null: constant
        size_t begin = 0, end = 0;                 // of this message's value, in text_
        bool due = false;                          // for this message
    };
    void make_value(Addition& addition, const http::HeaderMap& headers, const access_log::Record& record);

    const config::HeaderMutation& config_;
    std::vector<Addition> additions_;
    std::string text_;
};

class RouteMutators {
  public:
    static constexpr uint32_t kNoChoice = UINT32_MAX;  // no weighted cluster

    RouteMutators() = default;
    // `table` outlives this. Routes are counted over all virtual hosts, as RouteMatched::index.
    explicit RouteMutators(const config::RouteTableConfig& table);

    // No level changes anything: the usual case.
    bool empty() const { return routes_.empty(); }
    // Each level in its order. `weighted`: index of the chosen cluster, whose level `mutate_request` leaves out: the
    // caller has applied it by mutate_weighted_request() before.
    void mutate_weighted_request(uint32_t route, uint32_t weighted, http::HeaderMap& headers,
                                 const http::StreamInfo& info);
    void mutate_request(uint32_t route, http::HeaderMap& headers, const http::StreamInfo& info);
    bool has_response(uint32_t route) const { return !empty() && routes_[route].any_response; }
    void mutate_response(uint32_t route, uint32_t weighted, http::HeaderMap& headers, const http::HeaderMap& request,
                         const http::StreamInfo& info);

  private:
    struct Level {
        std::unique_ptr<HeaderMutator> request, response;  // null: nothing to do
    };
    struct Route {
        std::array<Level*, 3> levels{};  // in their order; null: nothing to do
        uint32_t first_weighted = 0;     // index into weighted_
        bool any_response = false;
    };
    static Level compile(const config::HeaderMutations& config);

    std::vector<std::unique_ptr<Level>> levels_;
    std::vector<Level> weighted_;
    std::vector<Route> routes_;  // empty: no level of any route does anything
};

}  // namespace heirloom::router
