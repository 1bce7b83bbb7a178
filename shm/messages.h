// SPDX-License-Identifier: Apache-2.0
// The rule of each hand-over message, one table for the channel and the supervisor (table in messages.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shm/messages.pb.h"

namespace heirloom::shm {

enum class Direction { to_supervisor, to_generation };

struct MessageRule {
    std::string_view name;               // "ready", "bind_sockets" ...
    std::optional<Direction> direction;  // none: a message this build does not know
    size_t max_fds;                      // descriptors it may carry
    uint32_t permitted_states;           // bit n: a generation in state n (segment.h) may send it
};

MessageRule rule_of(const proto::Message& message);

// For logs.
std::string_view name_of(const proto::Message& message);
// May the generation send this in that state? (docs/handover.md shows the same table)
// State values as in segment.h.
bool permitted(const proto::Message& message, uint32_t generation_state);

}  // namespace heirloom::shm
