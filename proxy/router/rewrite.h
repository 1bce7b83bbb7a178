// SPDX-License-Identifier: Apache-2.0
// What a route changes in a request before it leaves, and where a redirect leads. Pure functions on header maps.
#pragma once

#include <string>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"

namespace heirloom::router {

// Replaces what the route matched of `:path` by `rewrite`, keeps the rest and the query. The path as it was goes to
// x-envoy-original-path when `keep_original`.
void rewrite_prefix(http::HeaderMap& headers, const config::RouteMatch& match, const std::string& rewrite,
                    bool keep_original);

// Sends the path through the expression and keeps the query.
void rewrite_path(http::HeaderMap& headers, const config::RegexRewrite& rewrite, bool keep_original);

// `:authority` becomes `host`. The one it was goes to x-forwarded-host (behind what is there, once) when
// `append_forwarded`, to x-envoy-original-host when `keep_original`.
void rewrite_host(http::HeaderMap& headers, std::string_view host, bool append_forwarded, bool keep_original);

// Host and path as the route says.
void rewrite_request(http::HeaderMap& headers, const config::RouteConfig& route, bool suppress_envoy_headers);

// The `location` of a redirect, from the (already rewritten) request. With an empty action: the request's own address.
std::string redirect_location(const http::HeaderMap& headers, const config::RedirectAction& action);

}  // namespace heirloom::router
