// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint_chooser.h"

#include <algorithm>

namespace heirloom::upstream {

EndpointChooser::EndpointChooser(const config::ClusterConfig& config, const ClusterStats& stats, uint32_t worker,
                                 const ActiveRequests& active)
    : config_(config), stats_(stats), worker_(worker), active_(active) {}

void EndpointChooser::set_hosts(const HostSet& hosts) {
    size_t count = 1;
    for (const auto& endpoint : hosts.endpoints) count = std::max<size_t>(count, endpoint->identity().priority + 1);
    priorities_.resize(count);
    std::vector<PriorityCounts> counts(count);
    std::vector<std::array<std::vector<Candidate>, 3>> candidates(count);
    for (uint32_t i = 0; i < hosts.endpoints.size(); ++i) {
        const Endpoint& endpoint = *hosts.endpoints[i];
        const uint32_t priority = endpoint.identity().priority;
        PriorityCounts& counted = counts[priority];
        auto& lists = candidates[priority];
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
    loads_ = share_load(counts, config_.overprovisioning_factor, config_.healthy_panic_threshold);
    simple_ = loads_.front().healthy == 100 && !loads_.front().panic;
    for (size_t i = 0; i < count; ++i) {
        for (const Source source : {kHealthy, kDegraded}) set_candidates(priorities_[i], source, candidates[i][source]);
        // Needed in panic only; a big one may cost something to make.
        if (loads_[i].panic) set_candidates(priorities_[i], kAll, candidates[i][kAll]);
    }
}

void EndpointChooser::set_candidates(Priority& priority, Source source, const std::vector<Candidate>& candidates) {
    priority.sizes[source] = candidates.size();
    auto& balancer = priority.balancers[source];
    if (candidates.empty()) return;
    if (!balancer) balancer = make_load_balancer(config_, worker_);
    balancer->set_candidates(candidates, active_);
}

EndpointChooser::Place EndpointChooser::choose_place(std::optional<uint64_t> hash) {
    if (simple_) return {};
    uint64_t ticket = (hash ? *hash : random_.next()) % 100;  // the same hash, the same priority
    for (const Source source : {kHealthy, kDegraded}) {
        for (size_t i = 0; i < loads_.size(); ++i) {
            const uint32_t load = source == kHealthy ? loads_[i].healthy : loads_[i].degraded;
            if (ticket < load) return {i, source};
            ticket -= load;
        }
    }
    return {};
}

std::optional<uint32_t> EndpointChooser::choose(std::optional<uint64_t> hash) {
    Place place = choose_place(hash);
    if (loads_[place.priority].panic) {
        stats_.lb_healthy_panic.add();
        place.source = kAll;
    }
    Priority& priority = priorities_[place.priority];
    if (priority.sizes[place.source] == 0) return std::nullopt;
    return priority.balancers[place.source]->choose({hash, active_, random_});
}

}  // namespace heirloom::upstream
