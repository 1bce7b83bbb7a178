// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_hosts.h"

#include <algorithm>
#include <unordered_map>

namespace heirloom::upstream {

ClusterHosts::ClusterHosts(const ClusterStats& stats, Publish publish) : stats_(stats), publish_(std::move(publish)) {}

void ClusterHosts::set_endpoints(EndpointList endpoints, HealthFlags initial) {
    std::unordered_map<const Endpoint*, HealthFlags> known;
    for (size_t i = 0; i < hosts_->endpoints.size(); ++i) known.emplace(hosts_->endpoints[i].get(), hosts_->flags[i]);
    auto hosts = make_host_set(std::move(endpoints));
    uint32_t heaviest = 0;
    for (size_t i = 0; i < hosts->endpoints.size(); ++i) {
        const auto before = known.find(hosts->endpoints[i].get());
        if (before == known.end()) {
            hosts->flags[i] = static_cast<HealthFlags>(hosts->flags[i] | initial);
        } else {
            hosts->flags[i] = before->second;
        }
        heaviest = std::max(heaviest, hosts->endpoints[i]->weight());
    }
    stats_.membership_change.add();
    stats_.max_host_weight.set(heaviest);
    publish(std::move(hosts));
}

void ClusterHosts::change(const Endpoint& endpoint, HealthFlags set, HealthFlags cleared) {
    const auto found = std::find_if(hosts_->endpoints.begin(), hosts_->endpoints.end(),
                                    [&](const auto& held) { return held.get() == &endpoint; });
    if (found == hosts_->endpoints.end()) return;
    const auto index = static_cast<size_t>(found - hosts_->endpoints.begin());
    const HealthFlags before = hosts_->flags[index];
    const auto after = static_cast<HealthFlags>((before & ~cleared) | set);
    if (after == before) return;
    auto hosts = std::make_shared<HostSet>(*hosts_);
    hosts->flags[index] = after;
    publish(std::move(hosts));
}

HealthFlags ClusterHosts::flags(const Endpoint& endpoint) const {
    for (size_t i = 0; i < hosts_->endpoints.size(); ++i) {
        if (hosts_->endpoints[i].get() == &endpoint) return hosts_->flags[i];
    }
    return 0;
}

void ClusterHosts::publish(std::shared_ptr<const HostSet> hosts) {
    uint64_t healthy = 0, degraded = 0, excluded = 0;
    for (const HealthFlags flags : hosts->flags) {
        switch (health_of(flags)) {
            case HostHealth::healthy:
                ++healthy;
                break;
            case HostHealth::degraded:
                ++degraded;
                break;
            case HostHealth::unhealthy:
                break;
        }
        if (is_excluded(flags)) ++excluded;
    }
    stats_.membership_total.set(hosts->endpoints.size());
    stats_.membership_healthy.set(healthy);
    stats_.membership_degraded.set(degraded);
    stats_.membership_excluded.set(excluded);
    hosts_ = hosts;
    publish_(std::move(hosts));
}

}  // namespace heirloom::upstream
