// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/round_robin.h"

namespace heirloom::upstream {

void RoundRobin::set_candidates(std::span<const Candidate> candidates, const ActiveRequests&) {
    candidates_.assign(candidates.begin(), candidates.end());
    queue_.clear();
    if (equal_weights(candidates)) return;
    for (uint32_t i = 0; i < candidates_.size(); ++i) queue_.add(i, candidates_[i].weight);
    // Begin at this worker's place; the rest of a long cycle would gain nothing.
    for (size_t i = 0; i < next_ % candidates_.size(); ++i) choose_weighted();
}

uint32_t RoundRobin::choose(const ChoiceContext&) {
    if (!queue_.empty()) return candidates_[choose_weighted()].index;
    if (next_ >= candidates_.size()) next_ %= static_cast<uint32_t>(candidates_.size());
    return candidates_[next_++].index;
}

uint32_t RoundRobin::choose_weighted() {
    return queue_.pick([this](uint32_t at) { return candidates_[at].weight; });
}

}  // namespace heirloom::upstream
