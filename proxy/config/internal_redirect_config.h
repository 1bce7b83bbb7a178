// SPDX-License-Identifier: Apache-2.0
// Which redirects of an upstream the router follows itself (internal_redirect_policy). Part of the snapshot.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heirloom::config {

struct InternalRedirectConfig {
    // What refuses a target, in the order of the configuration.
    struct Predicate {
        enum class Kind : uint8_t { previous_routes, allow_listed_routes, safe_cross_scheme } kind;
        std::vector<std::string> names{};  // allow_listed_routes
    };
    uint32_t most = 1;  // of one request
    std::vector<uint16_t> statuses{302};
    std::vector<Predicate> predicates;
    bool cross_scheme = false;                 // else http leads to http only, https to https
    std::vector<std::string> headers_to_copy;  // from the response to the request; lower case
};

}  // namespace heirloom::config
