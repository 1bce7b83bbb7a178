// SPDX-License-Identifier: Apache-2.0
// RouteIndex: which routes of a virtual host a path can match at all, by the letters that such a path begins with. A
// table of thousands of routes then costs a request a hash for each length of such beginnings, not a comparison for
// each route. Immutable, shared by all workers; a look-up allocates nothing.
//
// Routes without a fixed beginning (an expression that begins with a class, case ignored, CONNECT) are always looked
// at.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/config/route_config.h"

namespace heirloom::router {

// What each path that `match` takes begins with; "" when nothing is known.
std::string beginning_of(const config::RouteMatch& match);

class RouteIndex {
  public:
    explicit RouteIndex(const std::vector<config::RouteConfig>& routes);

    // The first route, in the order of the configuration, for which `fits(number)` is true; the number of routes when
    // there is none. `fits` is asked about those that the path allows, in any order.
    template <class Fits>
    uint32_t first(std::string_view path, const Fits& fits) const {
        uint32_t best = count_;
        for (const size_t length : lengths_) {
            if (length > path.size()) continue;
            const auto found = by_beginning_.find(path.substr(0, length));
            if (found == by_beginning_.end()) continue;
            for (const uint32_t number : found->second) {
                if (number >= best) break;
                if (fits(number)) best = number;
            }
        }
        return best;
    }

  private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };

    uint32_t count_;
    std::vector<size_t> lengths_;  // longest first: what is more special tends to stand first
    std::unordered_map<std::string, std::vector<uint32_t>, Hash, std::equal_to<>> by_beginning_;  // numbers ascend
};

}  // namespace heirloom::router
