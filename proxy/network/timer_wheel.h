// SPDX-License-Identifier: Apache-2.0
// Timers for one thread: a hierarchical wheel, 1 ms ticks, arm and cancel in constant time and without allocation.
// A timer fires at or up to one tick after its deadline, never before.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace heirloom::network {

class TimerWheel;

// Intrusive; cancelled by its destructor. `fn(arg)` runs on the loop's thread.
class Timer {
  public:
    using Function = void (*)(void* arg);
    Timer() = default;
    Timer(Function function, void* arg) : function_(function), arg_(arg) {}
    ~Timer() { cancel(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    void set_callback(Function function, void* arg) {
        function_ = function;
        arg_ = arg;
    }
    // (Re)arms; moving a deadline later on an armed timer is a store only (the wheel re-files it when the old one comes
    // up), so an idle timeout touched per request costs nothing.
    void arm(TimerWheel& wheel, std::chrono::milliseconds delay);
    void cancel();
    bool armed() const { return wheel_ != nullptr; }

  private:
    friend class TimerWheel;
    Timer* previous_ = nullptr;
    Timer* next_ = nullptr;
    TimerWheel* wheel_ = nullptr;
    uint64_t deadline_ = 0;  // tick at which it is due
    uint64_t filed_ = 0;     // tick it is filed under (<= deadline_)
    Function function_ = nullptr;
    void* arg_ = nullptr;
};

class TimerWheel {
  public:
    explicit TimerWheel(std::chrono::steady_clock::time_point start = {});
    ~TimerWheel();
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;
    // Delays of later arm() calls count from `now`; fires nothing. The loop calls it at wake-up, before any handler.
    void set_now(std::chrono::steady_clock::time_point now);
    // Fires all that is due at `now`; called by the loop once per iteration.
    void advance(std::chrono::steady_clock::time_point now);
    // Milliseconds until something may be due, -1 when nothing is armed.
    int next_timeout_ms(std::chrono::steady_clock::time_point now) const;

  private:
    friend class Timer;
    static constexpr int kLevels = 6;
    static constexpr int kSlots = 64;
    void file(Timer& timer);
    void unlink(Timer& timer);
    void refile_slot(int level);
    void fire_slot();
    uint64_t next_busy_tick() const;
    uint64_t tick_of(std::chrono::steady_clock::time_point when) const;

    std::chrono::steady_clock::time_point start_;
    uint64_t now_tick_ = 0;      // delays count from here
    uint64_t current_tick_ = 0;  // all up to here has fired
    std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
    std::array<uint64_t, kLevels> occupied_{};  // bit s: slots_[level][s] is not empty
};

}  // namespace heirloom::network
