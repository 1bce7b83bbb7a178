// SPDX-License-Identifier: Apache-2.0
// Where the `location` of an upstream's redirect leads, for a router that follows it itself. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/internal_redirect_config.h"
#include "proxy/http/headers.h"

namespace heirloom::router {

struct RedirectTarget {
    bool to_http = false;   // else https
    std::string authority;  // with its port, without who asks (user@)
    std::string path;       // with its query, without a fragment
};

// Nothing: it is no absolute address of http or https.
std::optional<RedirectTarget> parse_redirect_target(std::string_view location);

// The request that the redirect asks for: its address and the fields that the policy copies from the response; by 303
// it becomes a GET without a body, unless it is a GET or HEAD. The address it had goes to x-envoy-original-url.
void apply_redirect(http::HeaderMap& request, const RedirectTarget& target, bool from_http, uint16_t status,
                    const config::InternalRedirectConfig& policy, const http::HeaderMap& response);

// Does a redirect with this status have a request that is `method` lose its body?
bool drops_body(uint16_t status, std::string_view method);

}  // namespace heirloom::router
