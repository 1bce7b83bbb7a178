// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/host_groups.h"

#include <algorithm>

#include "proxy/runtime/table.h"
#include "proxy/upstream/hash_load_balancers.h"

namespace heirloom::upstream {

uint32_t panic_threshold(const config::ClusterConfig& config) {
    static const auto key = config::RuntimeKey::of("upstream.healthy_panic_threshold");
    return std::min(runtime::integer32(key, config.healthy_panic_threshold), 100u);
}

HostGroups group_hosts(const HostSet& hosts, const config::ClusterConfig& config) {
    size_t count = 1;
    for (const auto& endpoint : hosts.endpoints) count = std::max<size_t>(count, endpoint->identity().priority + 1);
    HostGroups groups;
    groups.priorities.resize(count);
    std::vector<PriorityCounts> counts(count);
    for (uint32_t i = 0; i < hosts.endpoints.size(); ++i) {
        const Endpoint& endpoint = *hosts.endpoints[i];
        const uint32_t priority = endpoint.identity().priority;
        PriorityCounts& counted = counts[priority];
        auto& lists = groups.priorities[priority].candidates;
        const Candidate candidate{i, endpoint.weight(), &endpoint};
        ++counted.total;
        if (is_excluded(hosts.flags[i])) ++counted.excluded;
        lists[kAll].push_back(candidate);
        switch (health_of(hosts.flags[i])) {
            case HostHealth::healthy:
                ++counted.healthy;
                lists[kHealthy].push_back(candidate);
                break;
            case HostHealth::degraded:
                ++counted.degraded;
                lists[kDegraded].push_back(candidate);
                break;
            case HostHealth::unhealthy:
                break;
        }
    }
    groups.panic_threshold = panic_threshold(config);
    const auto loads = share_load(counts, config.overprovisioning_factor, groups.panic_threshold);
    for (size_t i = 0; i < count; ++i) groups.priorities[i].load = loads[i];
    return groups;
}

std::shared_ptr<const HashTables> make_hash_tables(const HostSet& hosts, const HostSet& before,
                                                   const config::ClusterConfig& config) {
    const HostGroups now = group_hosts(hosts, config);
    const HostGroups old = group_hosts(before, config);
    auto tables = std::make_shared<HashTables>();
    for (size_t i = 0; i < now.priorities.size(); ++i) {
        auto& made = tables->emplace_back();
        for (const HostSource source : {kHealthy, kDegraded, kAll}) {
            const auto& candidates = now.priorities[i].candidates[source];
            if (candidates.empty() || !now.priorities[i].needs(source)) continue;
            if (before.tables && i < before.tables->size() && old.priorities[i].candidates[source] == candidates)
                made[source] = (*before.tables)[i][source];
            if (!made[source]) made[source] = make_hash_table(config, candidates);
        }
    }
    return tables;
}

}  // namespace heirloom::upstream
