// SPDX-License-Identifier: Apache-2.0
// What a request may ask of this router by x-envoy-* fields. The connection manager has taken them from clients that
// are not trusted (forwarding_headers.h); what is left is obeyed and not forwarded.
// Source: Envoy, router filter documentation, "HTTP headers (consumed from downstreams)".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "proxy/http/headers.h"

namespace heirloom::router {

// Views into the request's headers; they live as long as those. An empty view: not there.
struct EnvoyOrders {
    std::string_view retry_on;
    std::string_view retry_grpc_on;
    std::string_view retriable_status_codes;
    std::string_view retriable_header_names;
    std::optional<uint32_t> max_retries;
    std::optional<std::chrono::milliseconds> timeout;            // of the route; 0: none
    std::optional<std::chrono::milliseconds> per_try_timeout;    // 0: none
    std::optional<std::chrono::milliseconds> upstream_duration;  // of each attempt, whole; 0: none
    bool timeout_is_204 = false;                                 // x-envoy-upstream-rq-timeout-alt-response
};

// Takes them out of the headers. What is no number is taken out too, and asks for nothing. As in Envoy the route has
// changed the headers before, and may so ask for the same.
EnvoyOrders take_envoy_orders(http::HeaderMap& headers);

}  // namespace heirloom::router
