// SPDX-License-Identifier: Apache-2.0
// The hash of a request, by which ring_hash and maglev choose an endpoint; the same as Envoy's. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/config/load_balancing_config.h"
#include "proxy/http/headers.h"
#include "shm/socket_name.h"

namespace heirloom::router {

struct HashedRequest {
    const http::HeaderMap& headers;
    const shm::SocketAddress* client;  // null: not known
    const shm::SocketAddress* local;
};

// None: the request has nothing of what the policy asks for. A cookie that is missing and has a ttl is made: its
// `set-cookie` is appended to `new_cookies`, and its value counts.
std::optional<uint64_t> hash_of(const config::HashPolicyConfig& policy, const HashedRequest& request,
                                std::vector<std::string>& new_cookies);

}  // namespace heirloom::router
