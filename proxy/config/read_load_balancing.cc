// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "proxy/config/field_names.h"
#include "proxy/config/load_balancing_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::RouteAction;
using Policy = LoadBalancingConfig::Policy;

constexpr uint64_t kMaxRingSize = 8 * 1024 * 1024;
constexpr uint64_t kMaxTableSize = 5000011;
constexpr uint32_t kMostChoices = 1000;

bool is_prime(uint64_t number) {
    if (number < 2) return false;
    for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
        if (number % divisor == 0) return false;
    }
    return true;
}

void read_ring(const Cluster::RingHashLbConfig& message, const Path& path, LoadBalancingConfig& read,
               Problems& problems) {
    READ_WRAPPED(message, minimum_ring_size, read.minimum_ring_size);
    READ_WRAPPED(message, maximum_ring_size, read.maximum_ring_size);
    if (read.minimum_ring_size == 0) problems.error(path.field("minimum_ring_size"), "must be at least 1");
    for (const auto& [name, size] : {std::pair("minimum_ring_size", read.minimum_ring_size),
                                     std::pair("maximum_ring_size", read.maximum_ring_size)}) {
        if (size > kMaxRingSize) problems.error(path.field(name), "must be at most 8388608");
    }
    if (read.minimum_ring_size > read.maximum_ring_size) {
        problems.error(path, "ring hash: minimum_ring_size (" + std::to_string(read.minimum_ring_size) +
                                 ") > maximum_ring_size (" + std::to_string(read.maximum_ring_size) + ")");
    }
}

// A block of settings that its policy does not read would be without effect.
void check_block(bool there, bool used, const char* name, const char* policy, const Path& path, Problems& problems) {
    if (there && !used) problems.error(path.field(name), std::string("needs lb_policy ") + policy);
}

}  // namespace

std::shared_ptr<const LoadBalancingConfig> read_load_balancing(const Cluster& message, const Path& path,
                                                               Problems& problems) {
    auto read = std::make_shared<LoadBalancingConfig>();
    const auto kind = message.lb_policy();
    check_block(message.has_ring_hash_lb_config(), kind == Cluster::RING_HASH, "ring_hash_lb_config", "RING_HASH", path,
                problems);
    check_block(message.has_maglev_lb_config(), kind == Cluster::MAGLEV, "maglev_lb_config", "MAGLEV", path, problems);
    check_block(message.has_least_request_lb_config(), kind == Cluster::LEAST_REQUEST, "least_request_lb_config",
                "LEAST_REQUEST", path, problems);
    check_block(message.common_lb_config().has_consistent_hashing_lb_config(),
                kind == Cluster::RING_HASH || kind == Cluster::MAGLEV, "common_lb_config", "RING_HASH or MAGLEV", path,
                problems);
    read->by_hostname = message.common_lb_config().consistent_hashing_lb_config().use_hostname_for_hashing();
    switch (kind) {
        case Cluster::LEAST_REQUEST:
            read->policy = Policy::least_request;
            READ_WRAPPED(message.least_request_lb_config(), choice_count, read->choice_count);
            // More than there could be endpoints worth asking would only hold the worker.
            if (read->choice_count < 2 || read->choice_count > kMostChoices)
                problems.error(path.field("least_request_lb_config").field("choice_count"), "must be from 2 to 1000");
            return read;
        case Cluster::RANDOM:
            read->policy = Policy::random;
            return read;
        case Cluster::RING_HASH:
            read->policy = Policy::ring_hash;
            read_ring(message.ring_hash_lb_config(), path.field("ring_hash_lb_config"), *read, problems);
            return read;
        case Cluster::MAGLEV: {
            const Path at = path.field("maglev_lb_config").field("table_size");
            read->policy = Policy::maglev;
            READ_WRAPPED(message.maglev_lb_config(), table_size, read->table_size);
            if (read->table_size > kMaxTableSize) {
                problems.error(at, "must be at most 5000011");
            } else if (!is_prime(read->table_size)) {
                problems.error(at, "The table size of maglev must be prime number");
            }
            return read;
        }
        default:  // ROUND_ROBIN, and protobuf's enums have values that are no names
            return nullptr;
    }
}

std::shared_ptr<const HashPolicyConfig> read_hash_policy(const RouteAction& message, const Path& path,
                                                         Problems& problems) {
    if (message.hash_policy_size() == 0) return nullptr;
    auto read = std::make_shared<HashPolicyConfig>();
    for (int i = 0; i < message.hash_policy_size(); ++i) {
        const RouteAction::HashPolicy& policy = message.hash_policy(i);
        const Path at = path.item("hash_policy", static_cast<size_t>(i));
        HashPolicyConfig::Policy& one = read->policies.emplace_back();
        one.terminal = policy.terminal();
        switch (policy.policy_specifier_case()) {
            case RouteAction::HashPolicy::kHeader:
                require_text(policy.header().header_name(), at.field("header").field("header_name"), problems);
                one.kind = HashPolicyConfig::Header{read_header_to_read(
                    policy.header().header_name(), at.field("header").field("header_name"), problems)};
                break;
            case RouteAction::HashPolicy::kCookie: {
                const Path cookie = at.field("cookie");
                HashPolicyConfig::Cookie made{policy.cookie().name(), policy.cookie().path(), std::nullopt};
                require_text(made.name, cookie.field("name"), problems);
                check_header_value(made.name, cookie.field("name"), problems);
                check_header_value(made.path, cookie.field("path"), problems);
                if (policy.cookie().has_ttl())
                    made.ttl = read_duration(policy.cookie().ttl(), cookie.field("ttl"), problems);
                one.kind = std::move(made);
                break;
            }
            case RouteAction::HashPolicy::kConnectionProperties:
                if (!policy.connection_properties().source_ip())
                    problems.error(at.field("connection_properties").field("source_ip"), "must be true");
                one.kind = HashPolicyConfig::SourceIp{};
                break;
            case RouteAction::HashPolicy::kQueryParameter:
                require_text(policy.query_parameter().name(), at.field("query_parameter").field("name"), problems);
                one.kind = HashPolicyConfig::QueryParameter{policy.query_parameter().name()};
                break;
            case RouteAction::HashPolicy::POLICY_SPECIFIER_NOT_SET:
                problems.error(at, "one of header, cookie, connection_properties, query_parameter is required");
                break;
        }
    }
    return read;
}

}  // namespace heirloom::config
