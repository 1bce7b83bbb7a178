// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/host_groups.h"

#include <algorithm>
#include <map>

#include "proxy/runtime/table.h"
#include "proxy/upstream/hash_load_balancers.h"

namespace heirloom::upstream {

namespace {

std::string locality_of(const EndpointIdentity& identity) {
    return identity.region + '\0' + identity.zone + '\0' + identity.sub_zone;
}

// A locality gets less than its weight only when what is available, overprovisioned, does not make up for the rest.
void weigh_localities(const HostSet& hosts, const config::ClusterConfig& config, HostGroups::Priority& priority) {
    struct Counted {
        uint32_t weight = 0, all = 0;
    };
    std::map<std::string, Counted> counted;
    for (const Candidate& candidate : priority.candidates[kAll]) {
        const EndpointIdentity& identity = candidate.endpoint->identity();
        Counted& counts = counted[locality_of(identity)];
        counts.weight = identity.locality_weight;
        if (!is_excluded(hosts.flags[candidate.index])) ++counts.all;
    }
    for (const HostSource source : {kHealthy, kDegraded}) {
        auto& groups = priority.localities[source];
        for (const auto& [name, counts] : counted) groups.push_back({name, 0, {}});
        for (const Candidate& candidate : priority.candidates[source]) {
            const std::string name = locality_of(candidate.endpoint->identity());
            std::find_if(groups.begin(), groups.end(), [&](const LocalityGroup& group) {
                return group.name == name;
            })->candidates.push_back(candidate);
        }
        for (LocalityGroup& group : groups) {
            const Counted& counts = counted[group.name];
            if (counts.all == 0 || group.candidates.empty()) continue;
            const double available = static_cast<double>(group.candidates.size()) / counts.all;
            group.weight = counts.weight * std::min(1.0, available * config.overprovisioning_factor / 100);
        }
    }
}

// For a table: each endpoint has its part of its locality's weight.
void spread_weights(HostGroups::Priority& priority) {
    for (const HostSource source : {kHealthy, kDegraded}) {
        std::vector<Candidate> spread;
        for (const LocalityGroup& group : priority.localities[source]) {
            double sum = 0;
            for (const Candidate& candidate : group.candidates) sum += candidate.weight;
            for (Candidate candidate : group.candidates) {
                candidate.weight *= group.weight / sum;
                if (candidate.weight > 0) spread.push_back(candidate);
            }
        }
        if (spread.empty()) continue;
        std::sort(spread.begin(), spread.end(),
                  [](const Candidate& a, const Candidate& b) { return a.index < b.index; });
        priority.candidates[source] = std::move(spread);
        priority.localities[source].clear();
    }
}

}  // namespace

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
        const Candidate candidate{i, static_cast<double>(endpoint.weight()), &endpoint};
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
    for (size_t i = 0; i < count; ++i) {
        groups.priorities[i].load = loads[i];
        if (!config.locality_weighted) continue;
        weigh_localities(hosts, config, groups.priorities[i]);
        if (uses_hash_table(config)) spread_weights(groups.priorities[i]);
    }
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
