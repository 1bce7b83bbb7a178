// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/priority_load.h"

#include <algorithm>

namespace heirloom::upstream {

namespace {

uint32_t available_percent(uint32_t endpoints, const PriorityCounts& counts, uint32_t overprovisioning) {
    const uint32_t all = counts.total - counts.excluded;
    if (all == 0) return 0;
    return static_cast<uint32_t>(std::min<uint64_t>(100, uint64_t{overprovisioning} * endpoints / all));
}

bool is_in_panic(const PriorityCounts& counts, uint32_t threshold) {
    const uint32_t all = counts.total - counts.excluded;
    const double available = all == 0 ? 0 : 100.0 * (counts.healthy + counts.degraded) / all;
    return available < threshold;
}

// Every priority is in panic: by the number of endpoints.
void share_by_size(std::span<const PriorityCounts> priorities, std::vector<PriorityLoad>& loads) {
    uint64_t all = 0;
    for (const PriorityCounts& counts : priorities) all += counts.total;
    uint32_t left = 100;
    PriorityLoad* first = nullptr;
    for (size_t i = 0; i < priorities.size(); ++i) {
        loads[i].healthy = all == 0 ? 0 : static_cast<uint32_t>(uint64_t{100} * priorities[i].total / all);
        loads[i].degraded = 0;
        left -= loads[i].healthy;
        if (!first && priorities[i].total > 0) first = &loads[i];
    }
    (first ? *first : loads.front()).healthy += left;
}

}  // namespace

std::vector<PriorityLoad> share_load(std::span<const PriorityCounts> priorities, uint32_t overprovisioning,
                                     uint32_t panic_threshold) {
    std::vector<PriorityLoad> loads(priorities.size());
    uint32_t available = 0;
    for (const PriorityCounts& counts : priorities) {
        available += available_percent(counts.healthy, counts, overprovisioning);
        available += available_percent(counts.degraded, counts, overprovisioning);
    }
    available = std::min(available, 100u);
    uint32_t left = 100;
    uint32_t* first = nullptr;  // gets what rounding leaves
    for (uint32_t PriorityCounts::*const kind : {&PriorityCounts::healthy, &PriorityCounts::degraded}) {
        for (size_t i = 0; i < priorities.size() && available > 0; ++i) {
            const uint32_t percent = available_percent(priorities[i].*kind, priorities[i], overprovisioning);
            uint32_t& load = kind == &PriorityCounts::healthy ? loads[i].healthy : loads[i].degraded;
            if (!first && percent > 0) first = &load;
            load = std::min(left, percent * 100 / available);
            left -= load;
        }
    }
    if (first) *first += left;
    if (available == 0 && panic_threshold == 0) {
        loads.front().healthy = 100;  // and has nobody
        return loads;
    }
    bool all_in_panic = true;
    for (size_t i = 0; i < priorities.size(); ++i) {
        loads[i].panic = available < 100 && is_in_panic(priorities[i], panic_threshold);
        all_in_panic = all_in_panic && loads[i].panic;
    }
    if (all_in_panic) share_by_size(priorities, loads);
    return loads;
}

}  // namespace heirloom::upstream
