// SPDX-License-Identifier: Apache-2.0
// The supervisor's own counters, beside those of the generations in the segment: `supervisor.*`. One table of names.
#pragma once

#include <vector>

#include "shm/segment.h"

namespace heirloom::supervisor {

enum class SupervisorStat : size_t {
    reloads_total,
    reloads_failed,
    reloads_coalesced,
    generations_spawned,
    generations_crashed,
    generations_killed,
    protocol_errors,
    heartbeats_lost,
    connects_reset_at_close,
};

class SupervisorStats {
  public:
    // Registers all names; one that the segment refuses is logged and not counted.
    explicit SupervisorStats(shm::Segment& segment);

    void add(SupervisorStat stat, uint64_t n = 1);
    void count_transition(shm::GenerationState to);  // supervisor.transitions.<state>

  private:
    shm::Segment& segment_;
    std::vector<uint32_t> slots_;        // by SupervisorStat
    std::vector<uint32_t> transitions_;  // by GenerationState
};

}  // namespace heirloom::supervisor
