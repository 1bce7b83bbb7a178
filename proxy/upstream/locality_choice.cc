// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/locality_choice.h"

namespace heirloom::upstream {

void LocalityChoice::set(const std::vector<LocalityGroup>& groups, const config::ClusterConfig& config, uint32_t worker,
                         const ActiveRequests& active) {
    auto before = std::exchange(balancers_, {});
    localities_.clear();
    queue_.clear();
    for (const LocalityGroup& group : groups) {
        if (group.weight <= 0) continue;
        auto& balancer = balancers_[group.name];
        if (const auto known = before.find(group.name); known != before.end()) balancer = std::move(known->second);
        if (!balancer) balancer = make_load_balancer(config, worker);
        balancer->set_candidates(group.candidates, active);
        queue_.add(static_cast<uint32_t>(localities_.size()), group.weight);
        localities_.push_back({group.weight, balancer.get()});
    }
}

uint32_t LocalityChoice::choose(const ChoiceContext& context) {
    const uint32_t chosen = queue_.pick([this](uint32_t at) { return localities_[at].weight; });
    return localities_[chosen].balancer->choose(context);
}

}  // namespace heirloom::upstream
