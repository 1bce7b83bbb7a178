// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/circuit_breaker.h"

#include <thread>

#include "proxy/upstream/cluster.h"
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

TEST_CASE_FIXTURE(LoopFixture, "a retry budget is a share of the requests that are there, and a number at least") {
    config::ClusterConfig config = cluster_of("up", {});
    config.retry_budget = config::ClusterConfig::RetryBudget{50, 1};
    const ClusterStats stats = make_cluster_stats(*registrar, config);
    Cluster cluster(config, stats);
    RetryBudget& budget = *cluster.budget;
    WorkerLimit requests(cluster.requests, true), pending(cluster.pending, true);
    const auto open = [&] { return gauge("cluster.up.circuit_breakers.default.rq_retry_open"); };
    CHECK(open() == 0);
    CHECK(budget.try_take());
    CHECK(open() == 1);
    CHECK_FALSE(budget.try_take());
    for (int i = 0; i < 3; ++i) REQUIRE(requests.try_take());
    REQUIRE(pending.try_take());
    CHECK(budget.try_take());  // two of four
    CHECK_FALSE(budget.try_take());
    pending.give_back();
    budget.give_back();
    CHECK(open() == 1);  // one of three, and that is taken
    budget.give_back();
    CHECK(open() == 0);
    for (int i = 0; i < 3; ++i) requests.give_back();
    CHECK(cluster.requests.taken() == 0);
}

TEST_CASE_FIXTURE(LoopFixture, "a retry budget of nothing is used up only by who asks") {
    config::ClusterConfig config = cluster_of("up", {});
    config.retry_budget = config::ClusterConfig::RetryBudget{0, 0};
    const ClusterStats stats = make_cluster_stats(*registrar, config);
    Cluster cluster(config, stats);
    CHECK_FALSE(cluster.budget->try_take());
    CHECK(gauge("cluster.up.circuit_breakers.default.rq_retry_open") == 0);  // as Envoy's
}

}  // namespace heirloom::upstream
