// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_hosts.h"

#include <algorithm>

#include "proxy/config/health_config.h"

namespace heirloom::upstream {

ClusterHosts::ClusterHosts(const ClusterStats& stats, Publish publish) : stats_(stats), publish_(std::move(publish)) {}

void ClusterHosts::set_endpoints(EndpointList endpoints, HealthFlags initial) {
    const auto before = std::exchange(index_of_, {});
    auto hosts = make_host_set(std::move(endpoints));
    uint32_t heaviest = 0;
    size_t stay = 0;
    for (size_t i = 0; i < hosts->endpoints.size(); ++i) {
        const Endpoint* const endpoint = hosts->endpoints[i].get();
        const config::EndpointCheckConfig* const check = endpoint->identity().check.get();
        const auto known = before.find(&endpoint->state());
        if (known != before.end()) {
            hosts->flags[i] = hosts_->flags[known->second];
            ++stay;
        } else if (!check || !check->disabled) {
            hosts->flags[i] = static_cast<HealthFlags>(hosts->flags[i] | initial);
        }
        index_of_.emplace(&endpoint->state(), i);
        heaviest = std::max(heaviest, hosts->endpoints[i]->weight());
    }
    if (before.empty() || stay != before.size() || stay != hosts->endpoints.size()) stats_.membership_change.add();
    if (!hidden_) stats_.max_host_weight.set(heaviest);
    publish(std::move(hosts));
}

void ClusterHosts::change(const Endpoint& endpoint, HealthFlags set, HealthFlags cleared) {
    const auto found = index_of_.find(&endpoint.state());
    if (found == index_of_.end()) return;
    const HealthFlags before = hosts_->flags[found->second];
    const auto after = static_cast<HealthFlags>((before & ~cleared) | set);
    if (after == before) return;
    auto hosts = std::make_shared<HostSet>(*hosts_);
    hosts->flags[found->second] = after;
    publish(std::move(hosts));
}

HealthFlags ClusterHosts::flags(const Endpoint& endpoint) const {
    const auto found = index_of_.find(&endpoint.state());
    return found == index_of_.end() ? HealthFlags{0} : hosts_->flags[found->second];
}

void ClusterHosts::publish(std::shared_ptr<const HostSet> hosts) {
    hosts_ = hosts;
    if (!hidden_) show();
    publish_(std::move(hosts));
}

void ClusterHosts::show() const {
    uint64_t healthy = 0, degraded = 0, excluded = 0;
    for (const HealthFlags flags : hosts_->flags) {
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
    stats_.membership_total.set(hosts_->endpoints.size());
    stats_.membership_healthy.set(healthy);
    stats_.membership_degraded.set(degraded);
    stats_.membership_excluded.set(excluded);
}

void ClusterHosts::hide() {
    hidden_ = true;
    for (const stats::Gauge& gauge : {stats_.membership_total, stats_.membership_healthy, stats_.membership_degraded,
                                      stats_.membership_excluded, stats_.max_host_weight})
        gauge.set(0);
}

}  // namespace heirloom::upstream
