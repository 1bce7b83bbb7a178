// SPDX-License-Identifier: Apache-2.0
// HostSet: the endpoints of a cluster and the health of each, immutable: what the main thread publishes to the workers
// each time one of them changes.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/host_health.h"

namespace heirloom::upstream {

class HashTable;
// By priority and HostSource (host_groups.h).
using HashTables = std::vector<std::array<std::shared_ptr<const HashTable>, 3>>;

struct HostSet {
    EndpointList endpoints;
    std::vector<HealthFlags> flags;            // by index of the endpoint
    std::shared_ptr<const HashTables> tables;  // of a cluster that chooses by them, once published to the workers
};

// With the health that is configured.
inline std::shared_ptr<HostSet> make_host_set(EndpointList endpoints) {
    auto hosts = std::make_shared<HostSet>();
    for (const auto& endpoint : endpoints) hosts->flags.push_back(flags_of(endpoint->identity().status));
    hosts->endpoints = std::move(endpoints);
    return hosts;
}

}  // namespace heirloom::upstream
