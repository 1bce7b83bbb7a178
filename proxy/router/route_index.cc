// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/route_index.h"

#include <re2/re2.h>

#include <algorithm>

namespace heirloom::router {
namespace {

constexpr int kLongestOfRegex = 64;

// All that an expression matches lies between two texts; what these have in common begins all of it.
std::string beginning_of(const re2::RE2& regex) {
    std::string least, most;
    if (!regex.PossibleMatchRange(&least, &most, kLongestOfRegex)) return "";
    least.resize(
        static_cast<size_t>(std::mismatch(least.begin(), least.end(), most.begin(), most.end()).first - least.begin()));
    return least;
}

}  // namespace

std::string beginning_of(const config::RouteMatch& match) {
    switch (match.kind) {
        case config::RouteMatch::Kind::prefix:
        case config::RouteMatch::Kind::path:
        case config::RouteMatch::Kind::path_separated:
            return match.case_sensitive ? match.value : "";
        case config::RouteMatch::Kind::regex:
            return beginning_of(*match.regex);
        case config::RouteMatch::Kind::connect:
            break;
    }
    return "";
}

RouteIndex::RouteIndex(const std::vector<config::RouteConfig>& routes) : count_(static_cast<uint32_t>(routes.size())) {
    for (uint32_t number = 0; number < count_; ++number) {
        std::string beginning = beginning_of(routes[number].match);
        if (std::find(lengths_.begin(), lengths_.end(), beginning.size()) == lengths_.end())
            lengths_.push_back(beginning.size());
        by_beginning_[std::move(beginning)].push_back(number);
    }
    std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
}

}  // namespace heirloom::router
