// SPDX-License-Identifier: Apache-2.0
// LocalityChoice: chooses among the endpoints of one priority and source in two steps, where a cluster weighs its
// localities (locality_weighted_lb_config): the locality by its weight and by how much of it is available, then one of
// its endpoints. One worker.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/upstream/edf_queue.h"
#include "proxy/upstream/host_groups.h"
#include "proxy/upstream/load_balancer.h"

namespace heirloom::upstream {

class LocalityChoice {
  public:
    // Localities that stay go on where they were. REQUIRES: the policy does not choose by a table.
    void set(const std::vector<LocalityGroup>& groups, const config::ClusterConfig& config, uint32_t worker,
             const ActiveRequests& active);
    // No locality may be chosen.
    bool empty() const { return queue_.empty(); }
    // REQUIRES: not empty.
    uint32_t choose(const ChoiceContext& context);

  private:
    struct Locality {
        double weight = 0;
        LoadBalancer* balancer = nullptr;
    };
    std::map<std::string, std::unique_ptr<LoadBalancer>> balancers_;
    std::vector<Locality> localities_;
    EdfQueue queue_;  // of indices into localities_
};

}  // namespace heirloom::upstream
