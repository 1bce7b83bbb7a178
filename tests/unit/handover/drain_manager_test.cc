// SPDX-License-Identifier: Apache-2.0
#include "proxy/handover/drain_manager.h"

#include <doctest/doctest.h>

namespace heirloom::handover {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

const DrainManager::Steady kStart{std::chrono::hours(5)};

// How many of the draws 0..n-1 close.
uint64_t closed_of(const DrainManager& drain, DrainManager::Steady now, uint64_t n) {
    uint64_t closed = 0;
    for (uint64_t draw = 0; draw < n; ++draw) closed += drain.should_close(now, draw, false, false);
    return closed;
}

}  // namespace

TEST_CASE("nothing closes before a drain") {
    const DrainManager drain(seconds(600), true);
    CHECK_FALSE(drain.may_close());
    CHECK_FALSE(drain.should_close(kStart, 0, true, false));
}

TEST_CASE("gradual: the share that closes is elapsed / drain time in whole seconds, all at the end") {
    DrainManager drain(seconds(100), false);
    drain.start(kStart);
    CHECK(drain.may_close());
    CHECK(closed_of(drain, kStart, 100) == 0);
    // As Envoy counts: what remains is rounded down to seconds, so the first second counts from its beginning.
    CHECK(closed_of(drain, kStart + milliseconds(1), 100) == 1);
    CHECK(closed_of(drain, kStart + seconds(1), 100) == 1);
    CHECK(closed_of(drain, kStart + milliseconds(1001), 100) == 2);
    CHECK(closed_of(drain, kStart + seconds(25), 100) == 25);
    CHECK(closed_of(drain, kStart + seconds(99), 100) == 99);
    CHECK(closed_of(drain, kStart + seconds(100), 100) == 100);
    CHECK(drain.should_close(kStart + seconds(1000), 99, false, false));
    CHECK(drain.deadline() == kStart + seconds(100));
}

TEST_CASE("immediate, and a drain time of zero: certainly") {
    DrainManager immediate(seconds(100), true);
    immediate.start(kStart);
    CHECK(closed_of(immediate, kStart, 100) == 100);
    DrainManager none(seconds(0), false);
    none.start(kStart);
    CHECK(closed_of(none, kStart, 100) == 100);
}

TEST_CASE("who asks for the drain may bring the time") {
    DrainManager drain(seconds(600), false);
    drain.start(kStart, seconds(10), false);
    CHECK(closed_of(drain, kStart + seconds(5), 10) == 5);
}

TEST_CASE("a drain of one direction leaves the other alone, and can be widened without a new clock") {
    DrainManager drain(seconds(10), false);
    drain.start(kStart, DrainManager::Scope::inbound);
    CHECK(drain.should_close(kStart + seconds(10), 0, true, false));
    CHECK_FALSE(drain.should_close(kStart + seconds(10), 0, false, false));
    drain.start(kStart + seconds(8));
    CHECK(drain.deadline() == kStart + seconds(10));
    CHECK(drain.should_close(kStart + seconds(10), 0, false, false));
}

TEST_CASE("a failed health check closes always, until it is taken back, but not where the listener ignores it") {
    DrainManager drain(seconds(600), false);
    drain.fail_health_check(true);
    CHECK(drain.may_close());
    CHECK(drain.should_close(kStart, 599, false, false));
    CHECK_FALSE(drain.should_close(kStart, 599, false, true));
    CHECK((DrainDecision{drain, false, true}.should_close(kStart, 0)) == false);
    drain.fail_health_check(false);
    CHECK_FALSE(drain.may_close());
}

}  // namespace heirloom::handover
