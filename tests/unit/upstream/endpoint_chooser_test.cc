// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint_chooser.h"

#include "proxy/config/load_balancing_config.h"
#include "proxy/runtime/table.h"
#include "proxy/upstream/cluster_hosts.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

namespace {

using namespace health_flag;

struct ChooserFixture : LoopFixture, ActiveRequests {
    ChooserFixture() : stats(make_cluster_stats(*registrar, cluster_of("up", {}))) {}

    // One endpoint of each given health and priority.
    struct Given {
        config::HostStatus status = config::HostStatus::healthy;
        uint32_t priority = 0;
    };
    static EndpointList endpoints_of(const std::vector<Given>& given) {
        EndpointList list;
        for (const Given& one : given) {
            EndpointIdentity identity;
            identity.status = one.status;
            identity.priority = one.priority;
            list.push_back(std::make_shared<const Endpoint>(identity));
        }
        return list;
    }
    // How often each was chosen; the last one is "nobody".
    std::vector<int> shares(EndpointChooser& chooser, size_t endpoints, int picks) {
        std::vector<int> counts(endpoints + 1);
        for (int i = 0; i < picks; ++i)
            ++counts[chooser.choose(std::nullopt).value_or(static_cast<uint32_t>(endpoints))];
        return counts;
    }
    uint64_t active_requests(uint32_t) const override { return 0; }
    uint64_t panics() { return counter("cluster.up.lb_healthy_panic"); }

    config::ClusterConfig config;
    ClusterStats stats;
    static constexpr auto kDown = config::HostStatus::unhealthy;
};

}  // namespace

TEST_CASE_FIXTURE(ChooserFixture, "only healthy endpoints are chosen, as long as they are enough") {
    EndpointChooser chooser(config, stats, 0, *this);
    chooser.set_hosts(*make_host_set(endpoints_of({{}, {kDown}, {}, {config::HostStatus::draining}})));
    CHECK(shares(chooser, 4, 10) == std::vector<int>{5, 0, 5, 0, 0});
    CHECK(panics() == 0);
}

TEST_CASE_FIXTURE(ChooserFixture, "panic: all endpoints are chosen, each choice counts; without it nobody is") {
    EndpointChooser chooser(config, stats, 0, *this);
    chooser.set_hosts(*make_host_set(endpoints_of({{kDown}, {kDown}})));
    CHECK(shares(chooser, 2, 10) == std::vector<int>{5, 5, 0});
    CHECK(panics() == 10);
    config.healthy_panic_threshold = 0;
    chooser.set_hosts(*make_host_set(endpoints_of({{kDown}, {kDown}})));
    CHECK(shares(chooser, 2, 10) == std::vector<int>{0, 0, 10});
    CHECK(panics() == 10);
    chooser.set_hosts(*make_host_set({}));
    CHECK_FALSE(chooser.choose(std::nullopt));
}

TEST_CASE_FIXTURE(ChooserFixture, "load goes to priorities and degraded endpoints by their share") {
    EndpointChooser chooser(config, stats, 0, *this);
    chooser.set_hosts(*make_host_set(endpoints_of({{}, {kDown}, {config::HostStatus::healthy, 1}})));
    const auto counts = shares(chooser, 3, 10000);
    CHECK(counts[0] > 6700);
    CHECK(counts[0] < 7300);
    CHECK(counts[1] == 0);
    CHECK(counts[2] == 10000 - counts[0]);
    chooser.set_hosts(*make_host_set(endpoints_of({{}, {config::HostStatus::degraded}})));
    const auto degraded = shares(chooser, 2, 10000);
    CHECK(degraded[1] > 2700);
    CHECK(degraded[1] < 3300);
}

TEST_CASE_FIXTURE(ChooserFixture, "the hosts of a cluster: each change of health is counted and published") {
    std::vector<std::shared_ptr<const HostSet>> published;
    ClusterHosts hosts(stats, [&](auto list) { published.push_back(std::move(list)); });
    const EndpointList list = endpoints_of({{}, {kDown}, {config::HostStatus::degraded}});
    hosts.set_endpoints(list, failed_active_check);
    CHECK(gauge("cluster.up.membership_total") == 3);
    CHECK(gauge("cluster.up.membership_healthy") == 0);
    hosts.change(*list[0], 0, failed_active_check);
    hosts.change(*list[2], 0, failed_active_check);
    CHECK(gauge("cluster.up.membership_healthy") == 1);
    CHECK(gauge("cluster.up.membership_degraded") == 1);
    CHECK(gauge("cluster.up.membership_excluded") == 0);
    REQUIRE(published.size() == 3);
    hosts.change(*list[0], 0, failed_active_check);  // nothing new
    hosts.change(*endpoints_of({{}})[0], failed_active_check, 0);
    CHECK(published.size() == 3);
    CHECK(flags_text(published.front()->flags[0]) == "/failed_active_hc");  // what is published stays as it is
    CHECK(flags_text(hosts.flags(*list[1])) == "/failed_active_hc/failed_eds_health");
    // Who stays keeps its health.
    EndpointList more = list;
    more.push_back(endpoints_of({{config::HostStatus::draining}})[0]);
    hosts.set_endpoints(more);
    CHECK(flags_text(hosts.hosts().flags[0]) == "healthy");
    CHECK(flags_text(hosts.hosts().flags[1]) == "/failed_active_hc/failed_eds_health");
    CHECK(flags_text(hosts.hosts().flags[3]) == "/eds_status_draining");
    CHECK(gauge("cluster.up.membership_excluded") == 1);
}

TEST_CASE_FIXTURE(ChooserFixture, "tables that come with the hosts are used; they are made anew for others only") {
    struct Last final : HashTable {
        uint32_t choose(uint64_t) const override { return 1; }
    };
    auto maglev = std::make_shared<config::LoadBalancingConfig>();
    maglev->policy = config::LoadBalancingConfig::Policy::maglev;
    maglev->table_size = 13;
    config.load_balancing = maglev;
    const EndpointList list = endpoints_of({{}, {}, {config::HostStatus::healthy, 1}});
    auto hosts = make_host_set(list);
    HashTables given(2);
    given[0][kHealthy] = std::make_shared<Last>();
    hosts->tables = std::make_shared<const HashTables>(given);
    EndpointChooser chooser(config, stats, 0, *this);
    chooser.set_hosts(*hosts);
    for (uint64_t hash = 0; hash < 100; ++hash) CHECK(chooser.choose(hash) == 1u);

    auto now = make_host_set(list);
    now->flags[2] = failed_active_check;
    const auto tables = make_hash_tables(*now, *hosts, config);
    CHECK((*tables)[0][kHealthy] == given[0][kHealthy]);  // nothing has changed there
    CHECK_FALSE((*tables)[1][kHealthy]);
    now->flags[0] = failed_active_check;
    const auto others = make_hash_tables(*now, *hosts, config);
    CHECK((*others)[0][kHealthy] != given[0][kHealthy]);
    CHECK((*others)[0][kHealthy]->choose(5) == 1);
    CHECK((*others)[1][kAll]);  // in panic
}

TEST_CASE_FIXTURE(ChooserFixture, "the panic threshold follows the runtime") {
    EndpointChooser chooser(config, stats, 0, *this);
    const auto hosts = make_host_set(endpoints_of({{}, {kDown}, {kDown}, {kDown}}));
    chooser.set_hosts(*hosts);
    CHECK(shares(chooser, 4, 8) == std::vector<int>{2, 2, 2, 2, 0});
    const runtime::Table table({{"upstream.healthy_panic_threshold", config::parse_runtime_value("20")}});
    runtime::set_thread_table(&table);
    CHECK(shares(chooser, 4, 8) == std::vector<int>{2, 2, 2, 2, 0});
    chooser.follow_runtime(*hosts);
    CHECK(shares(chooser, 4, 8) == std::vector<int>{8, 0, 0, 0, 0});
    runtime::set_thread_table(nullptr);
    chooser.follow_runtime(*hosts);
    CHECK(shares(chooser, 4, 8) == std::vector<int>{2, 2, 2, 2, 0});
}

TEST_CASE_FIXTURE(ChooserFixture, "localities get their weights, less by what is not available there") {
    EndpointList list;
    const auto add = [&](const char* zone, uint32_t weight, int endpoints) {
        for (int i = 0; i < endpoints; ++i) {
            EndpointIdentity identity;
            identity.zone = zone;
            identity.locality_weight = weight;
            identity.address = *shm::make_ip_address("10.0.0.1", static_cast<uint16_t>(list.size() + 1));
            list.push_back(std::make_shared<const Endpoint>(identity));
        }
    };
    add("a", 3, 2);
    add("b", 1, 4);
    add("c", 0, 2);  // without a weight nobody is chosen there
    config.locality_weighted = true;
    EndpointChooser chooser(config, stats, 0, *this);
    auto hosts = make_host_set(list);
    chooser.set_hosts(*hosts);
    CHECK(shares(chooser, 8, 1600) == std::vector<int>{600, 600, 100, 100, 100, 100, 0, 0, 0});
    // One of two is left, which makes up for 70 percent: 2.1 to 1.
    auto fewer = make_host_set(list);
    fewer->flags[0] = failed_active_check;
    chooser.set_hosts(*fewer);
    const auto counts = shares(chooser, 8, 3100);
    CHECK(counts[0] == 0);
    CHECK(counts[1] >= 2099);
    CHECK(counts[1] <= 2101);
    // Consistent hashing weighs the endpoints instead.
    auto maglev = std::make_shared<config::LoadBalancingConfig>();
    maglev->policy = config::LoadBalancingConfig::Policy::maglev;
    maglev->table_size = 1601;
    config.load_balancing = maglev;
    EndpointChooser by_hash(config, stats, 0, *this);
    by_hash.set_hosts(*hosts);
    std::vector<int> places(8);
    for (uint64_t hash = 0; hash < 1601; ++hash) ++places[*by_hash.choose(hash)];
    CHECK(places[0] >= 595);
    CHECK(places[0] <= 605);
    CHECK(places[2] >= 95);
    CHECK(places[2] <= 105);
    CHECK(places[6] == 0);
}

}  // namespace heirloom::upstream
