// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/load_balancer.h"

#include "proxy/config/load_balancing_config.h"
#include "proxy/upstream/least_request.h"
#include "proxy/upstream/random_choice.h"
#include "proxy/upstream/round_robin.h"

namespace heirloom::upstream {

std::unique_ptr<LoadBalancer> make_load_balancer(const config::ClusterConfig& config, uint32_t worker) {
    if (!config.load_balancing) return std::make_unique<RoundRobin>(worker);
    const config::LoadBalancingConfig& how = *config.load_balancing;
    switch (how.policy) {
        case config::LoadBalancingConfig::Policy::least_request:
            return std::make_unique<LeastRequest>(how.choice_count);
        case config::LoadBalancingConfig::Policy::random:
            return std::make_unique<RandomChoice>();
        case config::LoadBalancingConfig::Policy::ring_hash:
        case config::LoadBalancingConfig::Policy::maglev:
            return nullptr;
    }
    return nullptr;
}

}  // namespace heirloom::upstream
