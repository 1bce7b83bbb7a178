// SPDX-License-Identifier: Apache-2.0
// How the load of a cluster is shared among its priorities, by their health. Envoy's rule: a priority takes all of its
// share as long as healthy endpoints times the overprovisioning factor make up for those that are not; what it cannot
// take goes to the next one, and when no priority has healthy endpoints enough to degraded ones. When too few
// endpoints of a priority are available (panic threshold), its health is not believed any more: all of them are used.
// Pure function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace heirloom::upstream {

struct PriorityCounts {
    uint32_t total = 0, healthy = 0, degraded = 0, excluded = 0;
};
struct PriorityLoad {
    uint32_t healthy = 0, degraded = 0;  // percent of the whole load; over all priorities they make 100
    bool panic = false;
};

// `overprovisioning` and `panic_threshold` in percent; a threshold of 0: never panic. REQUIRES: at least one priority.
std::vector<PriorityLoad> share_load(std::span<const PriorityCounts> priorities, uint32_t overprovisioning,
                                     uint32_t panic_threshold);

}  // namespace heirloom::upstream
