// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint_chooser.h"

namespace heirloom::upstream {

EndpointChooser::EndpointChooser(const config::ClusterConfig& config, const ClusterStats& stats, uint32_t worker,
                                 const ActiveRequests& active)
    : config_(config), stats_(stats), worker_(worker), active_(active), by_table_(uses_hash_table(config)) {}

void EndpointChooser::set_hosts(const HostSet& hosts) {
    const HostGroups groups = group_hosts(hosts, config_);
    const size_t count = groups.priorities.size();
    priorities_.resize(count);
    for (size_t i = 0; i < count; ++i) {
        Priority& priority = priorities_[i];
        priority.load = groups.priorities[i].load;
        for (const HostSource source : {kHealthy, kDegraded, kAll}) {
            priority.tables[source] = hosts.tables ? (*hosts.tables)[i][source] : nullptr;
            if (!groups.priorities[i].needs(source)) continue;
            set_candidates(priority, source, groups.priorities[i].candidates[source]);
        }
        if (by_table_ || !config_.locality_weighted) continue;
        for (const HostSource source : {kHealthy, kDegraded})
            priority.localities[source].set(groups.priorities[i].localities[source], config_, worker_, active_);
    }
    panic_threshold_ = groups.panic_threshold;
    simple_ = priorities_.front().load.healthy == 100 && !priorities_.front().load.panic;
}

void EndpointChooser::follow_runtime(const HostSet& hosts) {
    if (panic_threshold(config_) != panic_threshold_) set_hosts(hosts);
}

void EndpointChooser::set_candidates(Priority& priority, HostSource source, const std::vector<Candidate>& candidates) {
    priority.sizes[source] = candidates.size();
    if (candidates.empty()) return;
    if (by_table_) {
        if (!priority.tables[source]) priority.tables[source] = make_hash_table(config_, candidates);
        return;
    }
    auto& balancer = priority.balancers[source];
    if (!balancer) balancer = make_load_balancer(config_, worker_);
    balancer->set_candidates(candidates, active_);
}

EndpointChooser::Place EndpointChooser::choose_place(std::optional<uint64_t> hash) {
    if (simple_) return {};
    uint64_t ticket = (hash ? *hash : random_.next()) % 100;  // the same hash, the same priority
    for (const HostSource source : {kHealthy, kDegraded}) {
        for (size_t i = 0; i < priorities_.size(); ++i) {
            const PriorityLoad& load = priorities_[i].load;
            const uint32_t share = source == kHealthy ? load.healthy : load.degraded;
            if (ticket < share) return {i, source};
            ticket -= share;
        }
    }
    return {};
}

std::optional<uint32_t> EndpointChooser::choose(std::optional<uint64_t> hash) {
    Place place = choose_place(hash);
    Priority& priority = priorities_[place.priority];
    if (priority.load.panic) {
        stats_.lb_healthy_panic.add();
        place.source = kAll;
    }
    if (priority.sizes[place.source] == 0) return std::nullopt;
    if (by_table_) return priority.tables[place.source]->choose(hash ? *hash : random_.next());
    const ChoiceContext context{active_, random_};
    if (place.source != kAll && !priority.localities[place.source].empty())
        return priority.localities[place.source].choose(context);
    return priority.balancers[place.source]->choose(context);
}

}  // namespace heirloom::upstream
