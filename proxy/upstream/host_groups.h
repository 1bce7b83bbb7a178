// SPDX-License-Identifier: Apache-2.0
// HostGroups: the endpoints of a cluster, sorted by priority and by why they may be chosen (healthy, degraded, or all
// of them in panic), and the share of the load that each priority has. The same on the main thread, which makes the
// tables of consistent hashing from them, and on the workers, which choose; but for the moment in which one has a new
// panic threshold of the runtime and the other not yet.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/snapshot.h"
#include "proxy/upstream/host_set.h"
#include "proxy/upstream/load_balancer.h"
#include "proxy/upstream/priority_load.h"

namespace heirloom::upstream {

enum HostSource : uint8_t { kHealthy, kDegraded, kAll };

// The endpoints of one locality that have one source, and its share of what that source gets.
struct LocalityGroup {
    std::string name;
    double weight = 0;  // as configured, less by what of it is not available; 0: nobody is to be chosen there
    std::vector<Candidate> candidates;
};

struct HostGroups {
    struct Priority {
        // By HostSource. Where localities are weighed and the policy chooses by a table, the weights are in here.
        std::array<std::vector<Candidate>, 3> candidates;
        std::array<std::vector<LocalityGroup>, 2> localities;  // healthy, degraded; empty: they are not weighed
        PriorityLoad load;
        // kAll is needed in panic only; a table of it would cost something to make.
        bool needs(HostSource source) const { return source != kAll || load.panic; }
    };
    std::vector<Priority> priorities;  // at least one
    uint32_t panic_threshold = 0;      // by which the loads were shared
};

// In percent: the runtime's upstream.healthy_panic_threshold, as this thread has it, else the cluster's.
uint32_t panic_threshold(const config::ClusterConfig& config);
HostGroups group_hosts(const HostSet& hosts, const config::ClusterConfig& config);

// The tables of `hosts`, by priority and source; null where nobody is to be chosen. Those of `before` (may be empty)
// whose endpoints are the same are kept. REQUIRES: uses_hash_table(config).
std::shared_ptr<const HashTables> make_hash_tables(const HostSet& hosts, const HostSet& before,
                                                   const config::ClusterConfig& config);

}  // namespace heirloom::upstream
