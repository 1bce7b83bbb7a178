// SPDX-License-Identifier: Apache-2.0
// Raw connections to endpoints, and PROXY headers before whatever is sent.
#include "tests/unit/upstream/pool_fixture.h"

namespace heirloom::upstream {

namespace {

struct Tunnel : TcpCallbacks {
    void open(WorkerCluster& cluster, const StreamNeeds& needs = {}) {
        TcpAcquired acquired = cluster.connect_tcp(cluster.choose(), *this, needs);
        upstream = std::move(acquired.upstream);
        failure = acquired.failure;
    }
    void on_connected() override { connected = true; }
    void on_data() override {
        received += upstream->connection().read_buffer().to_string();
        upstream->connection().read_buffer().clear();
    }
    void on_end_of_stream() override { upstream->connection().close(network::CloseReason::remote); }
    void on_closed(network::CloseReason) override { closed = true; }
    void on_tcp_failure(http::StreamReset reason, std::string_view text) override {
        failure = reason;
        transport_failure = text;
    }
    std::unique_ptr<TcpUpstream> upstream;
    bool connected = false;
    bool closed = false;
    std::string received, transport_failure;
    std::optional<http::StreamReset> failure;
};

}  // namespace

TEST_CASE_FIXTURE(PoolFixture, "TCP: bytes both ways, counted") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    server.on_bytes = [](auto& peer) { peer.send(std::exchange(peer.received, {})); };
    Tunnel tunnel;
    tunnel.open(up);
    CHECK(gauge("cluster.up.upstream_rq_pending_active") == 1);
    REQUIRE(run_until([&] { return tunnel.connected; }));
    CHECK(gauge("cluster.up.upstream_rq_active") == 1);
    tunnel.upstream->connection().write_buffer().append("hello");
    tunnel.upstream->connection().flush();
    REQUIRE(run_until([&] { return tunnel.received == "hello"; }));
    server.peers[0]->close();
    REQUIRE(run_until([&] { return tunnel.closed; }));
    CHECK(stat("upstream_cx_total") == 1);
    CHECK(stat("upstream_cx_rx_bytes_total") == 5);
    CHECK(stat("upstream_cx_tx_bytes_total") == 5);
    CHECK(stat("upstream_cx_destroy_remote_with_active_rq") == 1);
    CHECK(stat("upstream_rq_total") == 1);
    CHECK(gauge("cluster.up.upstream_rq_active") == 0);
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "TCP: over max_connections there is none") {
    auto with = cluster_of("up", {server.address()});
    with.max_connections = 1;
    WorkerCluster& up = open(with);
    Tunnel first, second;
    first.open(up);
    second.open(up);
    CHECK(second.failure == http::StreamReset::overflow);
    CHECK(stat("upstream_cx_overflow") == 1);
    first.upstream->close();
    CHECK_FALSE(first.closed);
    CHECK(stat("upstream_rq_cancelled") == 1);
    second.failure.reset();
    second.open(up);
    CHECK(run_until([&] { return second.connected; }));
    second.upstream->close();
}

TEST_CASE_FIXTURE(PoolFixture, "TCP: a refused connect tells why") {
    Tunnel tunnel;
    tunnel.open(open(cluster_of("up", {refusing_address()})));
    REQUIRE(run_until([&] { return tunnel.failure.has_value(); }));
    CHECK(tunnel.failure == http::StreamReset::connection_failed);
    CHECK(tunnel.transport_failure == "delayed connect error: Connection refused");
    CHECK(stat("upstream_cx_connect_fail") == 1);
    CHECK(stat("upstream_rq_pending_failure_eject") == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "TCP: when the cluster ends its tunnels end") {
    Tunnel tunnel;
    tunnel.open(open(cluster_of("up", {server.address()})));
    REQUIRE(run_until([&] { return tunnel.connected; }));
    view.reset();
    CHECK(tunnel.closed);
}

TEST_CASE_FIXTURE(PoolFixture, "TCP: a removed endpoint stays while a tunnel runs") {
    ScriptedUpstream other(*loop);
    Tunnel tunnel;
    tunnel.open(open(cluster_of("up", {server.address()})));
    REQUIRE(run_until([&] { return tunnel.connected; }));
    view->set_hosts(list_of(cluster_of("up", {other.address()})));
    CHECK(view->removed_pools() == 1);
    tunnel.upstream->close();
    tunnel.upstream.reset();
    CHECK(view->removed_pools() == 0);
    view.reset();
}

TEST_CASE_FIXTURE(PoolFixture, "a PROXY header comes first, and its connections are one client's") {
    auto with = cluster_of("up", {server.address()});
    with.proxy_protocol = config::ClusterConfig::ProxyProtocol::v1;
    WorkerCluster& up = open(with);
    const auto here = *shm::make_ip_address("10.0.0.9", 80);
    const auto one = *shm::make_ip_address("10.0.0.1", 1000), two = *shm::make_ip_address("10.0.0.2", 2000);
    for (const auto* client : {&one, &two, &one}) {
        Request request;
        request.ask(up, {.source = client, .destination = &here});
        finish(request);
        CHECK(request.status == "200");
    }
    REQUIRE(server.peers.size() == 2);
    CHECK(server.peers[0]->received.starts_with("PROXY TCP4 10.0.0.1 10.0.0.9 1000 80\r\nGET / HTTP/1.1\r\n"));
    CHECK(server.peers[1]->received.starts_with("PROXY TCP4 10.0.0.2 10.0.0.9 2000 80\r\nGET / HTTP/1.1\r\n"));
    CHECK(server.peers[0]->heads() == 2);
}

TEST_CASE_FIXTURE(PoolFixture, "at the limit an idle connection of another client makes room") {
    auto with = cluster_of("up", {server.address()});
    with.proxy_protocol = config::ClusterConfig::ProxyProtocol::v1;
    with.max_connections = 1;
    WorkerCluster& up = open(with);
    const auto here = *shm::make_ip_address("10.0.0.9", 80);
    for (uint16_t port = 1; port <= 5; ++port) {
        const auto client = *shm::make_ip_address("10.0.0.1", port);
        Request request;
        request.ask(up, {.source = &client, .destination = &here});
        finish(request);
    }
    CHECK(server.peers.size() == 5);
    CHECK(gauge("cluster.up.upstream_cx_active") == 1);
    CHECK(stat("upstream_cx_overflow") == 0);
}

}  // namespace heirloom::upstream
