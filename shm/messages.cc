// SPDX-License-Identifier: Apache-2.0
// What each message is: name, direction, descriptors it may carry, and the states in which a generation may send it.
#include "shm/messages.h"

#include "shm/channel.h"
#include "shm/segment.h"

namespace heirloom::shm {

namespace {

using Body = proto::Message::BodyCase;
using State = GenerationState;

constexpr uint32_t in(std::initializer_list<State> states) {
    uint32_t bits = 0;
    for (const State state : states) bits |= 1u << static_cast<uint32_t>(state);
    return bits;
}

// States as the supervisor sees them; a message that was on its way when the supervisor moved on is still permitted, so
// what a live generation may ask is listed for draining too where it can cross `drain`.
constexpr uint32_t kSpawned = in({State::spawned});
constexpr uint32_t kInitializing = in({State::initializing});
constexpr uint32_t kBeforeLive = in({State::spawned, State::initializing, State::ready});
constexpr uint32_t kReady = in({State::ready});
constexpr uint32_t kLive = in({State::live, State::draining});
constexpr uint32_t kDraining = in({State::draining});
constexpr uint32_t kAtWork = in({State::initializing, State::ready, State::live, State::draining});
constexpr uint32_t kAny = ~in({State::none});
constexpr uint32_t kNever = 0;

constexpr auto kUp = Direction::to_supervisor;
constexpr auto kDown = Direction::to_generation;

constexpr MessageRule rule_of(Body body) {
    switch (body) {
        case Body::kHello:
            return {"hello", kUp, 0, kSpawned};
        case Body::kRegisterStats:
            return {"register_stats", kUp, 0, kAtWork};
        case Body::kBindSockets:
            return {"bind_sockets", kUp, 0, kAtWork};
        case Body::kReady:
            return {"ready", kUp, 0, kInitializing};
        case Body::kLiveAck:
            return {"live_ack", kUp, 0, kReady};
        case Body::kDrainAck:
            return {"drain_ack", kUp, 0, kDraining};
        case Body::kDrained:
            return {"drained", kUp, 0, kDraining};
        case Body::kHeartbeat:
            return {"heartbeat", kUp, 0, kAny};
        case Body::kFailed:
            return {"failed", kUp, 0, kBeforeLive};
        case Body::kStopRequest:
            return {"stop_request", kUp, 0, kLive};
        case Body::kResetCounters:
            return {"reset_counters", kUp, 0, kLive};
        case Body::kWelcome:
            return {"welcome", kDown, 1, kNever};
        case Body::kStatsRegistered:
            return {"stats_registered", kDown, 0, kNever};
        case Body::kSockets:
            return {"sockets", kDown, kMaxFdsPerMessage, kNever};
        case Body::kGoLive:
            return {"go_live", kDown, 0, kNever};
        case Body::kDrain:
            return {"drain", kDown, 0, kNever};
        case Body::kTerminate:
            return {"terminate", kDown, 0, kNever};
        case Body::kReopenLogs:
            return {"reopen_logs", kDown, 0, kNever};
        case Body::kRefused:
            return {"refused", kDown, 0, kNever};
        case Body::kTicketKeys:
            return {"ticket_keys", kDown, 0, kNever};
        case Body::BODY_NOT_SET:
            return {"unknown", std::nullopt, 0, kNever};
    }
    return {"unknown", std::nullopt, 0, kNever};
}

}  // namespace

MessageRule rule_of(const proto::Message& message) { return rule_of(message.body_case()); }

std::string_view name_of(const proto::Message& message) { return rule_of(message).name; }

bool permitted(const proto::Message& message, uint32_t generation_state) {
    return generation_state < 32 && (rule_of(message).permitted_states >> generation_state & 1) != 0;
}

}  // namespace heirloom::shm
