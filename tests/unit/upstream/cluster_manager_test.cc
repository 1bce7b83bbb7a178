// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/cluster_manager.h"

#include <ctime>
#include <set>
#include <thread>

#include "proxy/config/health_config.h"
#include "proxy/config/load_balancing_config.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

namespace {

std::shared_ptr<config::Snapshot> snapshot_of(std::vector<config::ClusterConfig> clusters) {
    auto snapshot = std::make_shared<config::Snapshot>();
    snapshot->clusters = std::move(clusters);
    return snapshot;
}

// Of this thread.
double cpu_milliseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

shm::SocketAddress address_of(const char* ip, uint16_t port) { return *shm::make_ip_address(ip, port); }

}  // namespace

TEST_CASE_FIXTURE(LoopFixture, "static clusters are there at once and are found by name") {
    auto named = cluster_of("b:c", {address_of("10.0.0.1", 80), address_of("10.0.0.2", 80)});
    named.endpoints[1].weight = 7;
    named.endpoints[1].region = "eu";
    named.endpoints[1].hostname = "second";
    auto manager = ClusterManager::create(*loop, snapshot_of({cluster_of("a", {}), named}), *registrar);
    bool initialized = false;
    manager->on_initialized([&] { initialized = true; });
    CHECK(initialized);
    CHECK(gauge("cluster_manager.active_clusters") == 2);
    CHECK(gauge("cluster_manager.warming_clusters") == 0);
    CHECK(gauge("cluster.b_c.membership_total") == 2);
    CHECK(gauge("cluster.b_c.max_host_weight") == 7);
    CHECK(counter("cluster.b_c.membership_change") == 1);

    auto worker = manager->make_worker(*loop, 0);
    CHECK(worker->find("nobody") == nullptr);
    REQUIRE(worker->find("b:c") != nullptr);
    CHECK(worker->find("b:c") == worker->find("b:c"));
    CHECK(worker->find("b:c")->choose().endpoint().address().ip() == "10.0.0.2");  // the heavy one first
    CHECK_FALSE(worker->find("a")->choose());
    CHECK(counter("cluster.a.upstream_cx_none_healthy") == 1);

    const auto status = manager->status();
    REQUIRE(status.size() == 2);
    REQUIRE(status[1].endpoints.size() == 2);
    CHECK(status[1].config->name == "b:c");
    CHECK(status[1].endpoints[1].hostname == "second");
    CHECK(status[1].endpoints[1].weight == 7);
    CHECK(status[1].endpoints[1].region == "eu");
}

TEST_CASE_FIXTURE(LoopFixture, "a DNS cluster warms up first and then reaches workers old and new") {
    config::ClusterConfig dns;
    dns.name = "dns";
    dns.type = config::ClusterConfig::Type::strict_dns;
    dns.dns_family = config::ClusterConfig::DnsFamily::v4_only;
    config::EndpointConfig endpoint;
    endpoint.host = "localhost";
    endpoint.port = 81;
    dns.endpoints.push_back(endpoint);
    auto manager = ClusterManager::create(*loop, snapshot_of({dns}), *registrar);
    bool initialized = false;
    manager->on_initialized([&] { initialized = true; });
    REQUIRE(run_until([&] { return initialized; }));
    auto worker = manager->make_worker(*loop, 0);
    REQUIRE(manager->status()[0].endpoints.size() == 1);  // else there is no /etc/hosts with a localhost
    CHECK(worker->find("dns")->choose().endpoint().address().to_string() == "127.0.0.1:81");
    CHECK(manager->status()[0].endpoints.at(0).hostname == "localhost");
}

TEST_CASE_FIXTURE(LoopFixture, "a worker on its own thread counts into the endpoint the main thread reads") {
    ScriptedUpstream server(*loop);
    auto manager = ClusterManager::create(*loop, snapshot_of({cluster_of("a", {server.address()})}), *registrar);
    std::thread thread([&] {
        stats::set_thread_row(segment->row(generation, 1));
        network::EventLoop own;
        auto worker = manager->make_worker(own, 0);
        const EndpointLease lease = worker->find("a")->choose();
        lease.numbers().rq_success.add(3);
    });
    thread.join();
    CHECK(manager->status()[0].endpoints[0].numbers.rq_success == 3);
}

TEST_CASE_FIXTURE(LoopFixture, "a worker may outlive the manager") {
    auto manager =
        ClusterManager::create(*loop, snapshot_of({cluster_of("a", {address_of("10.0.0.1", 80)})}), *registrar);
    auto worker = manager->make_worker(*loop, 0);
    manager.reset();
    CHECK(worker->find("a")->choose());
}

TEST_CASE_FIXTURE(LoopFixture, "a table of hashes is made before a worker is there, and the workers share it") {
    auto maglev = std::make_shared<config::LoadBalancingConfig>();
    maglev->policy = config::LoadBalancingConfig::Policy::maglev;
    maglev->table_size = 1'000'003;
    auto cluster = cluster_of("a", {address_of("10.0.0.1", 80), address_of("10.0.0.2", 80)});
    cluster.load_balancing = maglev;
    const double before = cpu_milliseconds();
    auto manager = ClusterManager::create(*loop, snapshot_of({cluster}), *registrar);
    const double made = cpu_milliseconds() - before;
    double used = 1e9;
    for (uint32_t i = 0; i < 3; ++i) {  // the least of three: other things happen, too
        auto worker = manager->make_worker(*loop, i);
        const double begin = cpu_milliseconds();
        CHECK(worker->find("a")->choose(7));
        used = std::min(used, cpu_milliseconds() - begin);
    }
    CHECK(used < made / 5);
}

TEST_CASE_FIXTURE(LoopFixture, "many endpoints change at once: workers get the last state, by one message") {
    ScriptedUpstream server(*loop);
    server.respond = [](ScriptedUpstream::Peer& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"); };
    std::vector<shm::SocketAddress> addresses(40, server.address());
    auto cluster = cluster_of("a", addresses);
    auto check = std::make_shared<config::HealthCheckConfig>();
    check->timeout = std::chrono::milliseconds(30'000);
    check->interval = check->no_traffic_interval = check->no_traffic_healthy_interval = check->healthy_edge_interval =
        std::chrono::milliseconds(60'000);
    config::HttpCheckConfig http;
    http.path = "/hc";
    check->kind = http;
    cluster.health_check = check;
    auto maglev = std::make_shared<config::LoadBalancingConfig>();
    maglev->policy = config::LoadBalancingConfig::Policy::maglev;
    auto hashed = cluster;
    hashed.name = "b";
    hashed.load_balancing = maglev;
    auto manager = ClusterManager::create(*loop, snapshot_of({cluster, hashed}), *registrar);
    auto worker = manager->make_worker(*loop, 0);
    auto& plain = *worker->find("a");
    auto& by_hash = *worker->find("b");
    bool initialized = false;
    manager->on_initialized([&] { initialized = true; });
    REQUIRE(run_until([&] { return initialized; }));
    CHECK(gauge("cluster.a.membership_healthy") == 40);
    // Nobody is left out of what the worker has.
    const auto met = [](WorkerCluster& view) {
        std::set<const EndpointUse*> uses;
        for (uint64_t hash = 0; hash < 4000; ++hash) uses.insert(view.choose(hash * 0x9E3779B97F4A7C15u).use());
        return uses.size();
    };
    CHECK(run_until([&] { return met(plain) == 40 && met(by_hash) == 40; }));
}

}  // namespace heirloom::upstream
