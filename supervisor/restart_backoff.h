// SPDX-License-Identifier: Apache-2.0
// When may a crashed generation be replaced? At once, then after 100 ms, doubling to 30 s; a generation that was live
// for 60 s ends the series. Pure function of history and time: the caller gives the clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace heirloom::supervisor {

class RestartBackoff {
  public:
    using TimePoint = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds kFirst{100};
    static constexpr std::chrono::milliseconds kMost{30'000};
    static constexpr std::chrono::seconds kHealthy{60};

    // A generation went live.
    void on_live(TimePoint now) { live_since_ = now; }
    // The live generation, or its replacement before it was live, died. How long to wait before the next one is
    // spawned.
    std::chrono::milliseconds on_crash(TimePoint now);

  private:
    std::optional<TimePoint> live_since_;
    uint32_t crashes_in_a_row_ = 0;
};

}  // namespace heirloom::supervisor
