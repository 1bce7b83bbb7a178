// SPDX-License-Identifier: Apache-2.0
// How a cluster chooses among its endpoints, and what a route has it choose by. Part of the snapshot.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace heirloom::config {

struct LoadBalancingConfig {
    enum class Policy : uint8_t { least_request, random, ring_hash, maglev } policy = Policy::least_request;
    uint32_t choice_count = 2;  // least_request: how many are compared
    uint64_t minimum_ring_size = 1024;
    uint64_t maximum_ring_size = 8 * 1024 * 1024;
    uint64_t table_size = 65537;  // maglev; prime
    bool by_hostname = false;     // ring_hash, maglev: an endpoint's place comes from its host name, not its address
};

// What ring_hash and maglev choose by: what is there of these is combined, in this order.
struct HashPolicyConfig {
    struct Header {
        std::string name;  // lower case
    };
    struct Cookie {
        std::string name, path;
        std::optional<std::chrono::milliseconds> ttl;  // there: a cookie that is missing is set; 0: for the session
    };
    struct SourceIp {};
    struct QueryParameter {
        std::string name;
    };
    struct Policy {
        std::variant<Header, Cookie, SourceIp, QueryParameter> kind;
        bool terminal = false;  // when there is a hash by now, it is the one
    };
    std::vector<Policy> policies;
};

}  // namespace heirloom::config
