// SPDX-License-Identifier: Apache-2.0
#include "supervisor/generation.h"

#include <doctest/doctest.h>

#include "tests/unit/supervisor/fake_link.h"

using namespace heirloom;
using namespace heirloom::supervisor;

namespace {

uint64_t value_of(const shm::Segment& segment, std::string_view name) {
    for (size_t at = 0; at < segment.stat_count(); ++at) {
        if (segment.stat(at).name == name) return segment.counter(segment.stat(at).first_slot);
    }
    return 0;
}

}  // namespace

TEST_CASE("the way of a life, and the two ways out of it") {
    CHECK(may_follow(State::spawned, State::initializing));
    CHECK(may_follow(State::initializing, State::ready));
    CHECK(may_follow(State::ready, State::live));
    CHECK(may_follow(State::live, State::draining));
    CHECK(may_follow(State::draining, State::exited));
    CHECK(may_follow(State::live, State::exited));
    for (const State state : {State::spawned, State::initializing, State::ready}) {
        CHECK(is_before_live(state));
        CHECK(may_follow(state, State::failed));
        CHECK_FALSE(may_follow(state, State::exited));
    }
    CHECK_FALSE(may_follow(State::live, State::failed));
    CHECK_FALSE(may_follow(State::draining, State::live));
    CHECK_FALSE(may_follow(State::failed, State::spawned));
    CHECK_FALSE(may_follow(State::exited, State::live));
    CHECK_FALSE(may_follow(State::spawned, State::live));
}

TEST_CASE("each transition is counted and, once it said hello, published") {
    boost::asio::io_context io;
    const auto segment = shm::Segment::create({4, 4, 4096}).value();
    SupervisorStats stats(*segment);
    const auto link = std::make_shared<FakeLink>();
    Generation generation(io, 3, link, *segment, stats);
    CHECK(generation.state() == State::spawned);
    CHECK(segment->generations().empty());

    REQUIRE(generation.claim_slot(2, "v1").ok());
    generation.transition(State::initializing);
    REQUIRE(segment->generations().size() == 1);
    const shm::GenerationInfo info = segment->generations()[0];
    CHECK(info.epoch == 3);
    CHECK(info.pid == 4711);
    CHECK(info.state == State::initializing);
    CHECK(info.version == "v1");
    CHECK(value_of(*segment, "supervisor.transitions.spawned") == 1);
    CHECK(value_of(*segment, "supervisor.transitions.initializing") == 1);

    generation.transition(State::failed, "no reason");
    generation.fold();
    generation.fold();
    CHECK(segment->generations().empty());
    CHECK(value_of(*segment, "supervisor.transitions.failed") == 1);
}

TEST_CASE("a deadline that was replaced or cleared does not come") {
    boost::asio::io_context io;
    const auto segment = shm::Segment::create({4, 4, 4096}).value();
    SupervisorStats stats(*segment);
    const auto generation = std::make_shared<Generation>(io, 0, std::make_shared<FakeLink>(), *segment, stats);
    std::string came;
    generation->set_deadline(std::chrono::milliseconds(0), [&] { came += "first "; });
    generation->set_deadline(std::chrono::milliseconds(1), [&] { came += "second "; });
    io.run();
    CHECK(came == "second ");
    io.restart();
    generation->set_deadline(std::chrono::milliseconds(0), [&] { came += "third "; });
    generation->clear_deadline();
    io.run();
    CHECK(came == "second ");
}
