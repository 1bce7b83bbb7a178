// SPDX-License-Identifier: Apache-2.0
// How long a stream and its answer may take, by the route and by the client's `grpc-timeout`. No state.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "proxy/config/snapshot.h"
#include "proxy/http/headers.h"

namespace heirloom::router {

// `grpc-timeout`: one to eight digits and a unit (H M S m u n), rounded up. Nothing: not such a value.
std::optional<std::chrono::milliseconds> read_grpc_timeout(std::string_view text);

// The limit, as Envoy finds it: grpc-timeout (of any request) up to `grpc_timeout_max`, where the route looks at it;
// else the route's max_stream_duration, else `otherwise` (the connection manager's). 0: none. A gRPC request's
// `grpc-timeout` becomes the limit, so that the upstream knows.
std::chrono::milliseconds limit_stream(http::HeaderMap& headers, const config::ForwardAction& action,
                                       std::chrono::milliseconds otherwise);

// The timeout of the route for this request: for gRPC, where the route has max_grpc_timeout, what the client asks for
// up to that. 0: none.
std::chrono::milliseconds route_timeout(const http::HeaderMap& headers, const config::ForwardAction& action);
// Tells the upstream what is left of it: x-envoy-expected-rq-timeout-ms, if `by_envoy_header`, and the client's
// `grpc-timeout` where that is the route's timeout.
void tell_timeout(http::HeaderMap& headers, const config::ForwardAction& action, std::chrono::milliseconds left,
                  bool by_envoy_header);

}  // namespace heirloom::router
