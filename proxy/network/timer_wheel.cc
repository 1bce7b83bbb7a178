// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace heirloom::network {
namespace {

constexpr int kLevelBits = 6;
constexpr uint64_t kSlotMask = 63;

size_t slot_of(uint64_t tick, int level) { return static_cast<size_t>((tick >> (kLevelBits * level)) & kSlotMask); }

}  // namespace

void Timer::arm(TimerWheel& wheel, std::chrono::milliseconds delay) {
    // One tick more: the present lies somewhere inside now_tick_, and a timer never fires early.
    const uint64_t wait = static_cast<uint64_t>(std::max<int64_t>(delay.count(), 0)) + 1;
    const uint64_t deadline = wheel.now_tick_ + wait;
    if (wheel_ == &wheel && deadline >= filed_) {
        deadline_ = deadline;
        return;
    }
    cancel();
    deadline_ = deadline;
    wheel_ = &wheel;
    wheel.file(*this);
}

void Timer::cancel() {
    if (!wheel_) return;
    wheel_->unlink(*this);
    wheel_ = nullptr;
}

TimerWheel::TimerWheel(std::chrono::steady_clock::time_point start) : start_(start) {}

TimerWheel::~TimerWheel() {
    for (auto& level : slots_) {
        for (Timer*& head : level) {
            while (head) head->cancel();
        }
    }
}

uint64_t TimerWheel::tick_of(std::chrono::steady_clock::time_point when) const {
    if (when <= start_) return 0;
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(when - start_).count());
}

void TimerWheel::set_now(std::chrono::steady_clock::time_point now) { now_tick_ = std::max(now_tick_, tick_of(now)); }

void TimerWheel::file(Timer& timer) {
    constexpr uint64_t kSpan = uint64_t{1} << (kLevelBits * kLevels);
    timer.filed_ = std::clamp(timer.deadline_, current_tick_ + 1, current_tick_ + kSpan - 1);
    const uint64_t distance = timer.filed_ - current_tick_;
    const int level = (static_cast<int>(std::bit_width(distance)) - 1) / kLevelBits;
    const size_t slot = slot_of(timer.filed_, level);
    Timer*& head = slots_[level][slot];
    timer.previous_ = nullptr;
    timer.next_ = head;
    if (head) head->previous_ = &timer;
    head = &timer;
    occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::unlink(Timer& timer) {
    if (timer.next_) timer.next_->previous_ = timer.previous_;
    if (timer.previous_) {
        timer.previous_->next_ = timer.next_;
        return;
    }
    // The head of a slot: its level depends on when it was filed, so look which one begins with it.
    for (int level = 0; level < kLevels; ++level) {
        const size_t slot = slot_of(timer.filed_, level);
        if (slots_[level][slot] != &timer) continue;
        slots_[level][slot] = timer.next_;
        if (!timer.next_) occupied_[level] &= ~(uint64_t{1} << slot);
        return;
    }
}

// The next tick at which a slot fires or has to be spread over the level below; UINT64_MAX when nothing is armed.
uint64_t TimerWheel::next_busy_tick() const {
    uint64_t next = UINT64_MAX;
    for (int level = 0; level < kLevels; ++level) {
        if (occupied_[level] == 0) continue;
        const uint64_t base = current_tick_ >> (kLevelBits * level);
        const uint64_t ahead = std::rotr(occupied_[level], static_cast<int>((base + 1) & kSlotMask));
        const uint64_t steps = static_cast<uint64_t>(std::countr_zero(ahead)) + 1;
        next = std::min(next, (base + steps) << (kLevelBits * level));
    }
    return next;
}

void TimerWheel::refile_slot(int level) {
    const size_t slot = slot_of(current_tick_, level);
    Timer* timer = std::exchange(slots_[level][slot], nullptr);
    occupied_[level] &= ~(uint64_t{1} << slot);
    while (timer) {
        Timer* next = timer->next_;
        // Due in this very tick: file() looks ahead of current_tick_, so these go straight to the slot that fires now.
        if (timer->deadline_ <= current_tick_) {
            const size_t now_slot = slot_of(current_tick_, 0);
            Timer*& head = slots_[0][now_slot];
            timer->filed_ = current_tick_;
            timer->previous_ = nullptr;
            timer->next_ = head;
            if (head) head->previous_ = timer;
            head = timer;
            occupied_[0] |= uint64_t{1} << now_slot;
        } else {
            file(*timer);
        }
        timer = next;
    }
}

void TimerWheel::fire_slot() {
    const size_t slot = slot_of(current_tick_, 0);
    // One at a time from the head: a callback may cancel its neighbours. Nothing is filed into this slot meanwhile,
    // since distances at this level are 1..63.
    while (Timer* timer = slots_[0][slot]) {
        unlink(*timer);
        if (timer->deadline_ > current_tick_) {
            file(*timer);
            continue;
        }
        timer->wheel_ = nullptr;
        timer->function_(timer->arg_);
    }
}

void TimerWheel::advance(std::chrono::steady_clock::time_point now) {
    set_now(now);
    const uint64_t target = now_tick_;
    while (current_tick_ < target) {
        const uint64_t next = next_busy_tick();
        if (next > target) {
            current_tick_ = target;
            return;
        }
        current_tick_ = next;
        for (int level = kLevels - 1; level > 0; --level) {
            const uint64_t low_bits = (uint64_t{1} << (kLevelBits * level)) - 1;
            if ((current_tick_ & low_bits) == 0) refile_slot(level);
        }
        fire_slot();
    }
}

int TimerWheel::next_timeout_ms(std::chrono::steady_clock::time_point now) const {
    const uint64_t next = next_busy_tick();
    if (next == UINT64_MAX) return -1;
    const uint64_t present = tick_of(now);
    if (next <= present) return 0;
    return static_cast<int>(std::min<uint64_t>(next - present, INT32_MAX));
}

}  // namespace heirloom::network
