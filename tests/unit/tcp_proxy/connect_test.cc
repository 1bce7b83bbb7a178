// SPDX-License-Identifier: Apache-2.0
// Where a tunnel goes, and what happens when it cannot.
#include "tests/unit/tcp_proxy/fixture.h"

namespace heirloom::tcp_proxy {

namespace {

constexpr const char* kFormat = "%RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n";

}  // namespace

TEST_CASE_FIXTURE(TunnelFixture, "no such cluster: NC") {
    config.clusters = {{"nobody", 1}};
    log_as(kFormat);
    Peer client = connect();
    REQUIRE(run_until([&] { return client.at_end(); }));
    client.leave();
    REQUIRE(all_gone());
    CHECK(tcp("downstream_cx_no_route") == 1);
    CHECK(logged() == "NC - -\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "no endpoint: UH") {
    add(std::vector<shm::SocketAddress>{});
    log_as(kFormat);
    Peer client = connect();
    REQUIRE(run_until([&] { return client.at_end(); }));
    client.leave();
    REQUIRE(all_gone());
    CHECK(counter("cluster.up.upstream_cx_none_healthy") == 1);
    CHECK(logged() == "UH - -\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "over max_connections: UO, and the one before goes on") {
    Server server;
    auto with = upstream::cluster_of("up", {server.address()});
    with.max_connections = 1;
    add(with);
    log_as(kFormat);
    auto [first, far] = tunnel(server);
    Peer second = connect();
    REQUIRE(run_until([&] { return second.at_end(); }));
    second.leave();
    REQUIRE(run_until([&] { return set->size() == 1; }));
    CHECK(counter("cluster.up.upstream_cx_overflow") == 1);
    CHECK(logged() == "UO - -\n");
    first.send("fine");
    CHECK(run_until([&] { return far.has("fine"); }));
}

TEST_CASE_FIXTURE(TunnelFixture, "a refused connect closes the client without a reset, whatever it has sent") {
    const shm::SocketAddress nowhere = upstream::refusing_address();
    add({nowhere});
    log_as(kFormat);
    Peer client = connect();
    client.send("anybody?");
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK_FALSE(client.reset);
    client.leave();
    REQUIRE(all_gone());
    CHECK(counter("cluster.up.upstream_cx_connect_fail") == 1);
    CHECK(counter("cluster.up.upstream_cx_connect_attempts_exceeded") == 1);
    CHECK(logged() == "UF,URX " + nowhere.to_string() + " delayed_connect_error:_Connection_refused\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "max_connect_attempts: the next endpoint is tried") {
    Server server;
    add({upstream::refusing_address(), server.address()});
    config.max_connect_attempts = 2;
    for (int i = 0; i < 4; ++i) {
        auto [client, far] = tunnel(server);
        client.send("through");
        CHECK(run_until([&] { return far.has("through"); }));
    }
    CHECK(counter("cluster.up.upstream_cx_connect_fail") == 4);  // in turn
    CHECK(counter("cluster.up.upstream_cx_connect_attempts_exceeded") == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "a connect that times out") {
    // Nobody accepts, and the queue is full: the kernel lets further connects wait.
    upstream::BoundSocket deaf{SOCK_STREAM};
    REQUIRE(::listen(deaf.fd.get(), 0) == 0);
    UniqueFd filler(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(filler.get(), reinterpret_cast<const sockaddr*>(&deaf.address.storage), deaf.address.length) ==
            0);
    auto with = upstream::cluster_of("up", {deaf.address});
    with.connect_timeout = milliseconds(50);
    add(with);
    log_as("%RESPONSE_FLAGS%\n");
    Peer client = connect();
    REQUIRE(run_until([&] { return client.at_end(); }));
    client.leave();
    REQUIRE(all_gone());
    CHECK(counter("cluster.up.upstream_cx_connect_timeout") == 1);
    CHECK(logged() == "UF,URX\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "weights") {
    Server heavy, light;
    add(upstream::cluster_of("heavy", {heavy.address()}));
    add(upstream::cluster_of("light", {light.address()}));
    config.clusters = {{"heavy", 3}, {"light", 1}};
    constexpr int kConnects = 200;
    for (int i = 0; i < kConnects; ++i) {
        Peer client = connect();
        Peer far;
        REQUIRE(run_until([&] { return (far = heavy.accept()) || (far = light.accept()); }));
        client.finish();
        far.finish();
        REQUIRE(all_gone());
    }
    const uint64_t to_heavy = counter("cluster.heavy.upstream_cx_total");
    CHECK(to_heavy + counter("cluster.light.upstream_cx_total") == kConnects);
    CHECK(to_heavy > 120);
    CHECK(to_heavy < 180);
}

TEST_CASE_FIXTURE(TunnelFixture, "the log tells whom a ClientHello asked for") {
    add(std::vector<shm::SocketAddress>{});
    log_as("%REQUESTED_SERVER_NAME%\n");
    for (const char* name : {"a.example", ""}) {
        Peer client;
        network::AcceptedConnection accepted = incoming(client);
        accepted.server_name = name;
        set->accept(std::move(accepted));
        client.leave();
        REQUIRE(all_gone());
    }
    CHECK(logged() == "a.example\n-\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "the PROXY header names the client and where it connected to") {
    Server server;
    auto with = upstream::cluster_of("up", {server.address()});
    with.proxy_protocol = config::ClusterConfig::ProxyProtocol::v1;
    add(with);
    SUBCASE("the peer") {
        log_as("x");  // keeps the peer's address; a socket pair has none of its own
        auto [client, far] = tunnel(server);
        client.send("hello");
        CHECK(run_until([&] { return far.receive() == "PROXY TCP4 10.1.2.3 10.0.0.1 4711 80\r\nhello"; }));
    }
    SUBCASE("the client that its own PROXY header named") {
        Peer client;
        network::AcceptedConnection accepted = incoming(client);
        accepted.client = *shm::make_ip_address("192.0.2.1", 1);
        accepted.client_target = *shm::make_ip_address("192.0.2.2", 2);
        set->accept(std::move(accepted));
        Peer far;
        REQUIRE(run_until([&] { return static_cast<bool>(far = server.accept()); }));
        CHECK(run_until([&] { return far.receive() == "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"; }));
    }
}

}  // namespace heirloom::tcp_proxy
