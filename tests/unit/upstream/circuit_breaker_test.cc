// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/circuit_breaker.h"

#include <thread>

#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

TEST_CASE_FIXTURE(LoopFixture, "a small limit is exact over workers, and its gauge says when it is reached") {
    SharedLimit shared(2, registrar->gauge("open"));
    WorkerLimit one(shared);
    WorkerLimit two(shared);
    CHECK(one.try_take());
    CHECK(gauge("open") == 0);
    CHECK(two.try_take());
    CHECK(gauge("open") == 1);
    CHECK_FALSE(one.try_take());
    CHECK_FALSE(two.try_take());
    two.give_back();
    CHECK(gauge("open") == 0);
    CHECK(one.try_take());
    one.give_back();
    one.give_back();
    CHECK(shared.left() == 2);
}

TEST_CASE_FIXTURE(LoopFixture, "a limit of nothing allows nothing") {
    SharedLimit shared(0, registrar->gauge("open"));
    WorkerLimit limit(shared);
    CHECK(gauge("open") == 1);
    CHECK_FALSE(limit.try_take());
}

TEST_CASE_FIXTURE(LoopFixture, "a large limit is taken in batches, and an idle worker keeps little of it") {
    SharedLimit shared(1024, registrar->gauge("open"));
    {
        WorkerLimit limit(shared);
        for (int i = 0; i < 1024; ++i) REQUIRE(limit.try_take());
        CHECK_FALSE(limit.try_take());
        for (int i = 0; i < 1024; ++i) limit.give_back();
        CHECK(shared.left() >= 1024 - 32);
    }
    CHECK(shared.left() == 1024);
}

TEST_CASE_FIXTURE(LoopFixture, "workers together never pass the limit") {
    SharedLimit shared(100, registrar->gauge("open"));
    std::atomic<int> taken{0};
    std::atomic<int> most{0};
    const auto work = [&](uint32_t row) {
        stats::set_thread_row(segment->row(generation, row));
        WorkerLimit limit(shared);
        for (int round = 0; round < 2000; ++round) {
            int mine = 0;
            while (mine < 40 && limit.try_take()) {
                ++mine;
                const int now = ++taken;
                int seen = most.load();
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
            }
            for (; mine > 0; --mine) {
                --taken;
                limit.give_back();
            }
        }
    };
    std::thread one(work, 1u), two(work, 2u), three(work, 3u);
    one.join();
    two.join();
    three.join();
    CHECK(most.load() <= 100);
    CHECK(shared.left() == 100);
    CHECK(gauge("open") == 0);
}

TEST_CASE_FIXTURE(LoopFixture, "a limit may change while units are taken") {
    SharedLimit shared(2, registrar->gauge("open"));
    WorkerLimit limit(shared);
    REQUIRE(limit.try_take());
    REQUIRE(limit.try_take());
    CHECK(gauge("open") == 1);
    shared.set_limit(1024);
    limit.follow();
    CHECK(gauge("open") == 0);
    for (int i = 0; i < 1022; ++i) REQUIRE(limit.try_take());
    CHECK_FALSE(limit.try_take());
    for (int i = 0; i < 1020; ++i) limit.give_back();
    shared.set_limit(1);  // less than is taken
    limit.follow();
    CHECK(gauge("open") == 1);
    CHECK_FALSE(limit.try_take());
    for (int i = 0; i < 3; ++i) limit.give_back();
    CHECK(gauge("open") == 1);
    limit.give_back();
    CHECK(gauge("open") == 0);
    CHECK(shared.left() == 1);
    CHECK(limit.try_take());
    CHECK_FALSE(limit.try_take());
    limit.give_back();
    shared.set_limit(0);
    CHECK(gauge("open") == 1);
}

}  // namespace heirloom::upstream
