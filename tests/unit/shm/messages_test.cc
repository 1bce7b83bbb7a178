// SPDX-License-Identifier: Apache-2.0
#include "shm/messages.h"

#include <doctest/doctest.h>

#include <array>

#include "shm/segment.h"

using namespace heirloom::shm;

namespace {

using State = GenerationState;

bool may(const proto::Message& message, State state) { return permitted(message, static_cast<uint32_t>(state)); }

template <class Fill>
proto::Message make(Fill fill) {
    proto::Message message;
    fill(message);
    return message;
}

}  // namespace

TEST_CASE("each message has a name, and what the supervisor says no generation may") {
    const std::array down = {
        make([](auto& m) { m.mutable_welcome(); }),     make([](auto& m) { m.mutable_stats_registered(); }),
        make([](auto& m) { m.mutable_sockets(); }),     make([](auto& m) { m.mutable_go_live(); }),
        make([](auto& m) { m.mutable_drain(); }),       make([](auto& m) { m.mutable_terminate(); }),
        make([](auto& m) { m.mutable_reopen_logs(); }), make([](auto& m) { m.mutable_refused(); }),
        make([](auto& m) { m.mutable_ticket_keys(); })};
    for (const auto& message : down) {
        CHECK(name_of(message) != "unknown");
        CHECK(rule_of(message).direction == Direction::to_generation);
        for (uint32_t state = 0; state < 40; ++state) CHECK(!permitted(message, state));
    }
    CHECK(name_of(proto::Message()) == "unknown");
    CHECK(!rule_of(proto::Message()).direction);
    CHECK(!may(proto::Message(), State::live));
}

TEST_CASE("a generation may say what its state allows") {
    const auto hello = make([](auto& m) { m.mutable_hello(); });
    CHECK(name_of(hello) == "hello");
    CHECK(may(hello, State::spawned));
    CHECK(!may(hello, State::initializing));

    const auto ready = make([](auto& m) { m.mutable_ready(); });
    CHECK(!may(ready, State::spawned));
    CHECK(may(ready, State::initializing));
    CHECK(!may(ready, State::live));

    const auto bind = make([](auto& m) { m.mutable_bind_sockets(); });
    CHECK(!may(bind, State::spawned));
    CHECK(may(bind, State::initializing));
    CHECK(may(bind, State::live));

    const auto failed = make([](auto& m) { m.mutable_failed(); });
    CHECK(may(failed, State::spawned));
    CHECK(!may(failed, State::live));

    const auto drained = make([](auto& m) { m.mutable_drained(); });
    CHECK(!may(drained, State::live));
    CHECK(may(drained, State::draining));

    // May cross a drain that is on its way.
    const auto reset = make([](auto& m) { m.mutable_reset_counters(); });
    CHECK(!may(reset, State::ready));
    CHECK(may(reset, State::live));
    CHECK(may(reset, State::draining));

    const auto heartbeat = make([](auto& m) { m.mutable_heartbeat(); });
    CHECK(!may(heartbeat, State::none));
    CHECK(may(heartbeat, State::spawned));
    CHECK(may(heartbeat, State::exited));
}
