// SPDX-License-Identifier: Apache-2.0
#include "proxy/network/timer_wheel.h"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

using namespace heirloom::network;
using std::chrono::milliseconds;

namespace {

// A wheel whose clock stands still until told otherwise.
struct FakeClock {
    std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
    TimerWheel wheel{now};
    void pass(milliseconds time) {
        now += time;
        wheel.advance(now);
    }
};

struct Bell {
    int rings = 0;
    Timer timer{[](void* self) { ++static_cast<Bell*>(self)->rings; }, this};
};

}  // namespace

TEST_CASE("a timer fires at its deadline or one tick after, never before") {
    for (const int delay : {0, 1, 62, 63, 64, 65, 4095, 4096, 100'000, 16'777'216}) {
        CAPTURE(delay);
        FakeClock clock;
        Bell bell;
        bell.timer.arm(clock.wheel, milliseconds(delay));
        clock.pass(milliseconds(delay));
        CHECK(bell.rings == 0);
        CHECK(bell.timer.armed());
        clock.pass(milliseconds(1));
        CHECK(bell.rings == 1);
        CHECK_FALSE(bell.timer.armed());
        clock.pass(milliseconds(100));
        CHECK(bell.rings == 1);
    }
}

TEST_CASE("delays count from set_now, not from the last advance") {
    FakeClock clock;
    Bell bell;
    clock.now += milliseconds(1000);
    clock.wheel.set_now(clock.now);
    bell.timer.arm(clock.wheel, milliseconds(10));
    clock.wheel.advance(clock.now);
    CHECK(bell.rings == 0);
    clock.pass(milliseconds(10));
    CHECK(bell.rings == 0);
    clock.pass(milliseconds(1));
    CHECK(bell.rings == 1);
}

TEST_CASE("a deadline moves later and earlier") {
    FakeClock clock;
    Bell bell;
    bell.timer.arm(clock.wheel, milliseconds(100));
    clock.pass(milliseconds(50));
    bell.timer.arm(clock.wheel, milliseconds(100));  // an idle timeout that was touched
    clock.pass(milliseconds(99));
    CHECK(bell.rings == 0);
    bell.timer.arm(clock.wheel, milliseconds(5000));
    clock.pass(milliseconds(4000));
    CHECK(bell.rings == 0);
    bell.timer.arm(clock.wheel, milliseconds(10));
    clock.pass(milliseconds(11));
    CHECK(bell.rings == 1);
}

TEST_CASE("a cancelled or destroyed timer stays silent") {
    FakeClock clock;
    Bell kept;
    auto dropped = std::make_unique<Bell>();
    kept.timer.arm(clock.wheel, milliseconds(70));
    dropped->timer.arm(clock.wheel, milliseconds(70));
    kept.timer.cancel();
    dropped.reset();
    clock.pass(milliseconds(200));
    CHECK(kept.rings == 0);
    CHECK(clock.wheel.next_timeout_ms(clock.now) == -1);
}

TEST_CASE("a callback may cancel its neighbour and arm itself again") {
    FakeClock clock;
    struct Pair {
        TimerWheel* wheel;
        int first = 0;
        int second = 0;
        Timer a{[](void* self) {
                    auto& pair = *static_cast<Pair*>(self);
                    ++pair.first;
                    pair.b.cancel();
                    pair.a.arm(*pair.wheel, milliseconds(63));
                },
                this};
        Timer b{[](void* self) {
                    auto& pair = *static_cast<Pair*>(self);
                    ++pair.second;
                    pair.a.cancel();
                },
                this};
    } pair{&clock.wheel};
    pair.a.arm(clock.wheel, milliseconds(10));
    pair.b.arm(clock.wheel, milliseconds(10));
    clock.pass(milliseconds(11));
    CHECK(pair.first + pair.second == 1);
    clock.pass(milliseconds(64));
    CHECK(pair.first + pair.second == (pair.first > 0 ? 2 : 1));
}

TEST_CASE("the wheel says how long there is nothing to do") {
    FakeClock clock;
    CHECK(clock.wheel.next_timeout_ms(clock.now) == -1);
    Bell bell;
    bell.timer.arm(clock.wheel, milliseconds(20));
    CHECK(clock.wheel.next_timeout_ms(clock.now) == 21);
    clock.pass(milliseconds(5));
    CHECK(clock.wheel.next_timeout_ms(clock.now) == 16);
    // A distant timer needs a few wake-ups on its way down the levels, never one per tick.
    bell.timer.arm(clock.wheel, std::chrono::hours(1));
    int wake_ups = 0;
    while (bell.rings == 0) {
        const int wait = clock.wheel.next_timeout_ms(clock.now);
        REQUIRE(wait >= 0);
        clock.pass(milliseconds(wait));
        ++wake_ups;
    }
    CHECK(wake_ups <= 8);
}

TEST_CASE("many timers at random keep their promise") {
    FakeClock clock;
    std::mt19937 random(7);
    struct Watched {
        FakeClock* clock;
        std::chrono::steady_clock::time_point due;
        bool fired = false;
        bool early = false;
        bool late = false;
        Timer timer{[](void* self) {
                        auto& watched = *static_cast<Watched*>(self);
                        watched.fired = true;
                        watched.early = watched.clock->now < watched.due;
                    },
                    this};
    };
    std::vector<std::unique_ptr<Watched>> timers;
    for (int i = 0; i < 2000; ++i) {
        auto watched = std::make_unique<Watched>();
        const milliseconds delay(random() % 300'000);
        watched->clock = &clock;
        watched->due = clock.now + delay;
        watched->timer.arm(clock.wheel, delay);
        timers.push_back(std::move(watched));
        if (i % 10 == 0) clock.pass(milliseconds(random() % 50));
    }
    while (clock.wheel.next_timeout_ms(clock.now) >= 0) {
        clock.pass(milliseconds(1 + random() % 700));
        for (const auto& watched : timers) {
            if (!watched->fired && clock.now >= watched->due + milliseconds(1)) watched->late = true;
        }
    }
    for (const auto& watched : timers) {
        CHECK(watched->fired);
        CHECK_FALSE(watched->early);
        CHECK_FALSE(watched->late);
    }
}

TEST_CASE("timers outlive their wheel without harm") {
    Bell bell;
    {
        FakeClock clock;
        bell.timer.arm(clock.wheel, milliseconds(10));
    }
    CHECK_FALSE(bell.timer.armed());
}
