// SPDX-License-Identifier: Apache-2.0
// Outlier detection: what a worker counts, and what follows from it.
#include "proxy/runtime/table.h"
#include "proxy/upstream/outlier_detector.h"
#include "proxy/upstream/outlier_monitor.h"
#include "proxy/upstream/worker_cluster.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

namespace {

using std::chrono::milliseconds;

struct Use final : EndpointUse {
    explicit Use(std::shared_ptr<const Endpoint> endpoint) : EndpointUse(std::move(endpoint)) {}
    void on_last_lease_returned() override {}
};

struct OutlierFixture : LoopFixture {
    OutlierFixture() { settings.interval = milliseconds(5); }
    ~OutlierFixture() { detector.reset(); }

    void start(size_t endpoints) {
        config.name = "up";
        config.outlier_detection = std::make_shared<const config::OutlierDetectionConfig>(settings);
        cluster.emplace(config, make_cluster_stats(*registrar, config));
        hosts = std::make_unique<ClusterHosts>(cluster->stats, [](auto) {});
        for (size_t i = 0; i < endpoints; ++i) {
            list.push_back(std::make_shared<const Endpoint>(EndpointIdentity{}));
            uses.push_back(std::make_unique<Use>(list.back()));
        }
        hosts->set_endpoints(list);
        detector = std::make_unique<OutlierDetector>(*loop, *cluster, *hosts, make_outlier_stats(*registrar, "up"));
        detector->follow();
        tell = [this](const auto& endpoint, EndpointEvent event) { detector->on_event(*endpoint, event); };
        monitor.emplace(config.outlier_detection.get(), tell);
    }
    void answer(size_t endpoint, uint16_t status, int times = 1) {
        const EndpointLease lease(*uses[endpoint]);
        for (int i = 0; i < times; ++i) monitor->on_status(lease, status);
    }
    void local(size_t endpoint, LocalOrigin what, int times = 1) {
        const EndpointLease lease(*uses[endpoint]);
        for (int i = 0; i < times; ++i) monitor->on_local_origin(lease, what);
    }
    bool ejected(size_t endpoint) { return hosts->flags(*list[endpoint]) & health_flag::failed_outlier_check; }
    uint64_t stat(const std::string& name) { return counter("cluster.up.outlier_detection.ejections_" + name); }
    uint64_t active() { return gauge("cluster.up.outlier_detection.ejections_active"); }

    config::OutlierDetectionConfig settings;
    config::ClusterConfig config;
    std::optional<Cluster> cluster;
    std::unique_ptr<ClusterHosts> hosts;
    EndpointList list;
    std::vector<std::unique_ptr<Use>> uses;
    std::unique_ptr<OutlierDetector> detector;
    OutlierMonitor::Tell tell;
    std::optional<OutlierMonitor> monitor;
};

}  // namespace

TEST_CASE_FIXTURE(OutlierFixture, "5xx in a row eject, one good answer ends the row") {
    settings.interval = std::chrono::hours(1);
    start(10);
    answer(0, 500, 4);
    answer(0, 404);
    answer(0, 500, 4);
    CHECK_FALSE(ejected(0));
    answer(0, 500);
    CHECK(ejected(0));
    CHECK(active() == 1);
    CHECK(stat("detected_consecutive_5xx") == 1);
    CHECK(stat("enforced_consecutive_5xx") == 1);
    CHECK(stat("enforced_total") == 1);
    CHECK(gauge("cluster.up.membership_healthy") == 9);
    answer(0, 500, 20);  // what was under way
    CHECK(stat("detected_consecutive_5xx") == 1);
    detector->hide();
    CHECK(active() == 0);
}

TEST_CASE_FIXTURE(OutlierFixture, "not more than a share is ejected, but one if that is wanted") {
    settings.interval = std::chrono::hours(1);
    SUBCASE("a tenth") { start(9); }
    SUBCASE("a tenth, or one") {
        settings.always_eject_one_host = true;
        start(9);
    }
    SUBCASE("a fifth") {
        settings.max_ejection_percent = 20;
        start(9);
    }
    answer(0, 500, 5);
    answer(1, 500, 5);
    const bool none = settings.max_ejection_percent == 10 && !settings.always_eject_one_host;
    CHECK(ejected(0) != none);
    CHECK_FALSE(ejected(1));
    CHECK(stat("overflow") == (none ? 2 : 1));
    CHECK(stat("detected_consecutive_5xx") == 2);
}

TEST_CASE_FIXTURE(OutlierFixture, "gateway failures are told apart; by default they eject nobody") {
    settings.interval = std::chrono::hours(1);
    settings.consecutive_5xx = 100;
    SUBCASE("detected") { start(10); }
    SUBCASE("enforced") {
        settings.enforcing_consecutive_gateway_failure = 100;
        start(10);
    }
    answer(0, 503, 4);
    answer(0, 500);
    answer(0, 503, 4);
    CHECK(stat("detected_consecutive_gateway_failure") == 0);
    answer(0, 502);
    CHECK(stat("detected_consecutive_gateway_failure") == 1);
    CHECK(ejected(0) == (settings.enforcing_consecutive_gateway_failure != 0));
}

TEST_CASE_FIXTURE(OutlierFixture, "a connection that fails counts as 503, or on its own") {
    settings.interval = std::chrono::hours(1);
    SUBCASE("as 503") {
        start(10);
        local(0, LocalOrigin::failed, 3);
        local(0, LocalOrigin::connected);  // a response may still be 5xx
        local(0, LocalOrigin::timeout, 2);
        CHECK(stat("enforced_consecutive_5xx") == 1);
    }
    SUBCASE("on its own") {
        settings.split_external_local_origin_errors = true;
        start(10);
        local(0, LocalOrigin::failed, 4);
        local(0, LocalOrigin::connected);
        local(0, LocalOrigin::timeout, 4);
        CHECK_FALSE(ejected(0));
        local(0, LocalOrigin::failed);
        CHECK(stat("enforced_consecutive_local_origin_failure") == 1);
        CHECK(stat("detected_consecutive_5xx") == 0);
    }
    CHECK(ejected(0));
}

TEST_CASE_FIXTURE(OutlierFixture, "an ejection ends, the next one lasts longer; the row begins anew") {
    settings.base_ejection_time = milliseconds(40);
    settings.interval = milliseconds(20);
    start(10);
    const auto ejection = [&] {
        const auto begin = loop->now();  // not later than what the detector counts from
        answer(0, 500, 5);
        REQUIRE(ejected(0));
        REQUIRE(run_until([&] { return !ejected(0); }));
        return std::chrono::steady_clock::now() - begin;
    };
    CHECK(ejection() >= milliseconds(40));
    CHECK(active() == 0);
    answer(0, 500, 4);
    CHECK_FALSE(ejected(0));
    answer(0, 200);
    CHECK(ejection() >= milliseconds(75));
    CHECK(stat("enforced_total") == 2);
}

TEST_CASE_FIXTURE(OutlierFixture, "a passed check ends an ejection, unless that is off") {
    settings.interval = std::chrono::hours(1);
    SUBCASE("on") {}
    SUBCASE("off") { settings.successful_active_health_check_uneject_host = false; }
    start(10);
    answer(0, 500, 5);
    detector->on_check_passed(*list[0]);
    detector->on_check_passed(*list[1]);
    CHECK(ejected(0) != settings.successful_active_health_check_uneject_host);
}

TEST_CASE_FIXTURE(OutlierFixture, "who succeeds less often than the others by far is ejected") {
    settings.max_ejection_percent = 100;
    settings.consecutive_5xx = 1000;
    start(6);
    for (size_t i = 0; i < 5; ++i) answer(i, 200, 100);
    answer(5, 200, 80);
    answer(5, 500, 20);
    REQUIRE(run_until([&] { return ejected(5); }));
    CHECK(stat("enforced_success_rate") == 1);
    CHECK(active() == 1);
    for (size_t i = 0; i < 5; ++i) CHECK_FALSE(ejected(i));
}

TEST_CASE_FIXTURE(OutlierFixture, "who fails too often is ejected where that is enforced, and enough are compared") {
    settings.max_ejection_percent = 100;
    settings.consecutive_5xx = 1000;
    settings.enforcing_success_rate = 0;
    settings.enforcing_failure_percentage = 100;
    start(6);
    SUBCASE("enough") {
        for (size_t i = 0; i < 6; ++i) answer(i, i < 2 ? 500 : 200, 50);
        REQUIRE(run_until([&] { return ejected(0) && ejected(1); }));
        CHECK(stat("enforced_failure_percentage") == 2);
        CHECK_FALSE(ejected(2));
    }
    SUBCASE("too few") {
        for (size_t i = 0; i < 4; ++i) answer(i, 500, 50);
        for (size_t i = 4; i < 6; ++i) answer(i, 500, 49);
        run_for(milliseconds(20));
        CHECK(stat("detected_failure_percentage") == 0);
    }
}

TEST_CASE_FIXTURE(OutlierFixture, "nobody stands out where nobody fails, whatever the mean is rounded to") {
    settings.success_rate_stdev_factor = 1;
    settings.max_ejection_percent = 100;
    start(6);
    for (size_t i = 0; i < 6; ++i) answer(i, 200, 200);
    run_for(milliseconds(50));
    CHECK(stat("detected_success_rate") == 0);
    CHECK(active() == 0);
}

TEST_CASE_FIXTURE(OutlierFixture, "who leaves is forgotten, who stays keeps its ejection") {
    settings.interval = std::chrono::hours(1);
    settings.max_ejection_percent = 100;
    start(3);
    answer(0, 500, 5);
    answer(1, 500, 5);
    CHECK(active() == 2);
    hosts->set_endpoints({list[1], list[2]});
    detector->follow();
    CHECK(active() == 1);
    CHECK(ejected(1));
    detector->on_event(*list[0], EndpointEvent::consecutive_5xx);
    CHECK(stat("detected_consecutive_5xx") == 2);
}

TEST_CASE_FIXTURE(OutlierFixture, "an endpoint that comes back begins anew") {
    settings.interval = std::chrono::hours(1);
    settings.success_rate_minimum_hosts = 3;
    settings.success_rate_request_volume = 10;
    settings.success_rate_stdev_factor = 1000;
    settings.max_ejection_percent = 50;
    settings.consecutive_5xx = 1000;
    start(5);
    answer(0, 500, 50);
    for (size_t i = 1; i < 5; ++i) answer(i, 200, 50);
    EndpointList others(list.begin() + 1, list.end());
    hosts->set_endpoints(others);
    detector->follow();
    hosts->set_endpoints(list);
    detector->follow();
    for (size_t i = 0; i < 5; ++i) answer(i, 200, 50);
    detector->judge_now();
    CHECK_FALSE(ejected(0));
    CHECK(stat("detected_success_rate") == 0);
    answer(0, 500, 50);
    for (size_t i = 1; i < 5; ++i) answer(i, 200, 50);
    detector->judge_now();
    CHECK(ejected(0));
}

TEST_CASE_FIXTURE(LoopFixture, "an endpoint that tells to leave with each answer is told of once, until it was heard") {
    const config::ClusterConfig config = cluster_of("up", {});
    Cluster cluster(config, make_cluster_stats(*registrar, config));
    int told = 0;
    cluster.tell = [&](const auto&, EndpointEvent event) { told += event == EndpointEvent::told_to_leave ? 1 : 0; };
    const EndpointList list{std::make_shared<const Endpoint>(EndpointIdentity{}),
                            std::make_shared<const Endpoint>(EndpointIdentity{})};
    WorkerClusterView view(*loop, cluster, 0, make_host_set(list));
    const EndpointLease first = view.choose(), second = view.choose();
    for (int i = 0; i < 10; ++i) view.report_told_to_leave(first);
    CHECK(told == 1);
    view.report_told_to_leave(second);
    CHECK(told == 2);
    auto failed = make_host_set(list);
    failed->flags[0] = health_flag::failed_active_check;
    view.set_hosts(failed);
    for (int i = 0; i < 10; ++i) view.report_told_to_leave(first);
    CHECK(told == 3);
}

TEST_CASE_FIXTURE(OutlierFixture, "runtime values replace the configured ones") {
    settings.interval = std::chrono::hours(1);
    const runtime::Table table({{"outlier_detection.consecutive_5xx", config::parse_runtime_value("2")},
                                {"outlier_detection.max_ejection_percent", config::parse_runtime_value("50")},
                                {"outlier_detection.interval_ms", config::parse_runtime_value("5")},
                                {"outlier_detection.base_ejection_time_ms", config::parse_runtime_value("1")}});
    runtime::set_thread_table(&table);
    start(2);
    answer(0, 500, 2);
    CHECK(ejected(0));
    answer(1, 500, 2);
    CHECK_FALSE(ejected(1));
    CHECK(stat("overflow") == 1);
    CHECK(run_until([&] { return !ejected(0); }));
    const runtime::Table never({{"outlier_detection.enforcing_consecutive_5xx", config::parse_runtime_value("0")}});
    runtime::set_thread_table(&never);
    answer(0, 500, 5);
    CHECK_FALSE(ejected(0));
    runtime::set_thread_table(nullptr);
}

}  // namespace heirloom::upstream
