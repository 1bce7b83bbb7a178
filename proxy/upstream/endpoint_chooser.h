// SPDX-License-Identifier: Apache-2.0
// EndpointChooser: Envoy's order of choice on one worker: the priority by its share of the load, in it the healthy or
// the degraded endpoints, or in panic all of them; then the locality, where these are weighed; among those the load
// balancer decides. All that health decides is
// computed when it changes, not when a request asks.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/upstream/cluster_stats.h"
#include "proxy/upstream/fast_random.h"
#include "proxy/upstream/hash_load_balancers.h"
#include "proxy/upstream/host_groups.h"
#include "proxy/upstream/host_set.h"
#include "proxy/upstream/load_balancer.h"
#include "proxy/upstream/locality_choice.h"

namespace heirloom::upstream {

class EndpointChooser {
  public:
    EndpointChooser(const config::ClusterConfig& config, const ClusterStats& stats, uint32_t worker,
                    const ActiveRequests& active);
    // With the tables that come with them; where there are none they are made here.
    void set_hosts(const HostSet& hosts);
    // Runtime values may be others. `hosts`: as set last.
    void follow_runtime(const HostSet& hosts);
    // The index in the list; none: nobody may be chosen. `hash`: of the request, if its route makes one.
    std::optional<uint32_t> choose(std::optional<uint64_t> hash);

  private:
    struct Priority {
        // By HostSource. One of the two chooses; null: nobody was ever in it.
        std::array<std::unique_ptr<LoadBalancer>, 3> balancers;
        std::array<std::shared_ptr<const HashTable>, 3> tables;
        std::array<size_t, 3> sizes{};
        std::array<LocalityChoice, 2> localities;  // healthy, degraded; empty: all endpoints alike
        PriorityLoad load;
    };
    struct Place {
        size_t priority = 0;
        HostSource source = kHealthy;
    };
    Place choose_place(std::optional<uint64_t> hash);
    void set_candidates(Priority& priority, HostSource source, const std::vector<Candidate>& candidates);

    const config::ClusterConfig& config_;
    const ClusterStats& stats_;
    const uint32_t worker_;
    const ActiveRequests& active_;
    FastRandom random_ = FastRandom::seeded();
    std::vector<Priority> priorities_;
    const bool by_table_;
    uint32_t panic_threshold_ = 0;  // as it was when the loads were shared
    bool simple_ = false;           // priority 0 takes all, by its healthy endpoints
};

}  // namespace heirloom::upstream
