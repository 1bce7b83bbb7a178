// SPDX-License-Identifier: Apache-2.0
#include "supervisor/supervisor_stats.h"

namespace heirloom::supervisor {

namespace {

constexpr uint32_t kRefused = 0xffffffff;

std::string_view stat_name(SupervisorStat stat) {
    switch (stat) {
        case SupervisorStat::reloads_total:
            return "supervisor.reloads_total";
        case SupervisorStat::reloads_failed:
            return "supervisor.reloads_failed";
        case SupervisorStat::reloads_coalesced:
            return "supervisor.reloads_coalesced";
        case SupervisorStat::generations_spawned:
            return "supervisor.generations_spawned";
        case SupervisorStat::generations_crashed:
            return "supervisor.generations_crashed";
        case SupervisorStat::generations_killed:
            return "supervisor.generations_killed";
        case SupervisorStat::protocol_errors:
            return "supervisor.protocol_errors";
        case SupervisorStat::heartbeats_lost:
            return "supervisor.heartbeats_lost";
        case SupervisorStat::connects_reset_at_close:
            return "supervisor.connects_reset_at_close";
    }
    return {};
}
constexpr size_t kStats = static_cast<size_t>(SupervisorStat::connects_reset_at_close) + 1;
constexpr size_t kStates = static_cast<size_t>(shm::GenerationState::failed) + 1;

uint32_t register_counter(shm::Segment& segment, std::string_view name) {
    const auto slot = segment.register_stat(name, shm::StatKind::counter);
    if (slot.ok()) return *slot;
    spdlog::warn("stats: {}", slot.error().text);
    return kRefused;
}

}  // namespace

SupervisorStats::SupervisorStats(shm::Segment& segment) : segment_(segment) {
    for (size_t at = 0; at < kStats; ++at) {
        slots_.push_back(register_counter(segment, stat_name(static_cast<SupervisorStat>(at))));
    }
    transitions_.push_back(kRefused);  // nothing ever enters state none
    for (size_t at = 1; at < kStates; ++at) {
        const auto state = static_cast<shm::GenerationState>(at);
        transitions_.push_back(register_counter(segment, "supervisor.transitions." + std::string(shm::name_of(state))));
    }
}

void SupervisorStats::add(SupervisorStat stat, uint64_t n) {
    const uint32_t slot = slots_[static_cast<size_t>(stat)];
    if (slot != kRefused) segment_.owner_add(slot, n);
}

void SupervisorStats::count_transition(shm::GenerationState to) {
    const uint32_t slot = transitions_[static_cast<size_t>(to)];
    if (slot != kRefused) segment_.owner_add(slot, 1);
}

}  // namespace heirloom::supervisor
