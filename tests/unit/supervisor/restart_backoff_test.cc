// SPDX-License-Identifier: Apache-2.0
#include "supervisor/restart_backoff.h"

#include <doctest/doctest.h>

using namespace heirloom::supervisor;
using namespace std::chrono_literals;

TEST_CASE("the first crash is answered at once, the next ones ever later") {
    RestartBackoff backoff;
    const RestartBackoff::TimePoint start{};
    CHECK(backoff.on_crash(start) == 0ms);
    CHECK(backoff.on_crash(start) == 100ms);
    CHECK(backoff.on_crash(start) == 200ms);
    CHECK(backoff.on_crash(start) == 400ms);
    for (int crash = 0; crash < 100; ++crash) CHECK(backoff.on_crash(start) <= 30s);
    CHECK(backoff.on_crash(start) == 30s);
}

TEST_CASE("a generation that was live for a minute ends the series, one that was live for less does not") {
    RestartBackoff backoff;
    const RestartBackoff::TimePoint start{};
    backoff.on_crash(start);
    backoff.on_live(start);
    CHECK(backoff.on_crash(start + 59s) == 100ms);
    backoff.on_live(start + 100s);
    CHECK(backoff.on_crash(start + 160s) == 0ms);
    CHECK(backoff.on_crash(start + 161s) == 100ms);
}
