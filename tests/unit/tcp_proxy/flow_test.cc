// SPDX-License-Identifier: Apache-2.0
// Bytes through a tunnel: order, half-close, back-pressure, counting.
#include "tests/unit/tcp_proxy/fixture.h"

namespace heirloom::tcp_proxy {

TEST_CASE_FIXTURE(TunnelFixture, "bytes go both ways, counted everywhere") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    client.send("hello");
    REQUIRE(run_until([&] { return far.has("hello"); }));
    far.send("hi there");
    REQUIRE(run_until([&] { return client.has("hi there"); }));
    CHECK(connections == 1);
    CHECK(tcp("downstream_cx_total") == 1);
    CHECK(tcp("downstream_cx_rx_bytes_total") == 5);
    CHECK(tcp("downstream_cx_tx_bytes_total") == 8);
    CHECK(counter("cluster.up.upstream_cx_rx_bytes_total") == 8);  // while it lasts
    CHECK(gauge("listener.10.0.0.1_80.downstream_cx_active") == 1);
    CHECK(gauge("listener.10.0.0.1_80.worker_0.downstream_cx_active") == 1);
    CHECK(gauge("server.total_connections") == 1);
    CHECK(gauge("cluster.up.upstream_cx_active") == 1);
    far.leave();
    client.leave();
    REQUIRE(all_gone());
    CHECK(connections == 0);
    CHECK(gauge("listener.10.0.0.1_80.downstream_cx_active") == 0);
    CHECK(counter("listener.10.0.0.1_80.downstream_cx_destroy") == 1);
    CHECK(gauge("server.total_connections") == 0);
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
    CHECK(counter("cluster.up.upstream_cx_tx_bytes_total") == 5);
}

TEST_CASE_FIXTURE(TunnelFixture, "what a listener filter has read comes first") {
    Server server;
    add({server.address()});
    Peer client;
    network::AcceptedConnection accepted = incoming(client);
    accepted.unread.append("first ");
    client.send("second");
    set->accept(std::move(accepted));
    Peer far;
    REQUIRE(run_until([&] { return static_cast<bool>(far = server.accept()); }));
    REQUIRE(run_until([&] { return far.has("first second"); }));
}

TEST_CASE_FIXTURE(TunnelFixture, "a client's FIN leaves the other direction open") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    client.send("question");
    client.finish();
    REQUIRE(run_until([&] { return far.at_end(); }));
    CHECK(far.received == "question");
    far.send("answer");
    REQUIRE(run_until([&] { return client.has("answer"); }));
    CHECK_FALSE(client.ended);
    CHECK(set->size() == 1);
    far.finish();
    REQUIRE(all_gone());
    CHECK(client.at_end());
    CHECK(counter("tcp.in.upstream_flush_total") == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "an endpoint's FIN leaves the other direction open") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    far.send("banner");
    far.finish();
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(client.received == "banner");
    client.send("still here");
    REQUIRE(run_until([&] { return far.has("still here"); }));
    CHECK_FALSE(far.ended);
    client.finish();
    REQUIRE(all_gone());
    CHECK(far.at_end());
}

TEST_CASE_FIXTURE(TunnelFixture, "a reader that stops stops the writer, and nothing is lost") {
    Server server;
    buffer_limit = 128 * 1024;
    auto with = upstream::cluster_of("up", {server.address()});
    with.per_connection_buffer_limit_bytes = 128 * 1024;
    add(with);
    auto [client, far] = tunnel(server);
    struct Direction {
        Peer& from;
        Peer& to;
        std::string paused, resumed;
    };
    const std::string piece(64 * 1024, 'x');
    const Direction directions[] = {{client, far, "tcp.in.downstream_flow_control_paused_reading_total",
                                     "tcp.in.downstream_flow_control_resumed_reading_total"},
                                    {far, client, "cluster.up.upstream_flow_control_paused_reading_total",
                                     "cluster.up.upstream_flow_control_resumed_reading_total"}};
    for (const Direction& one : directions) {
        // Until neither the sender's socket nor the tunnel takes any more.
        size_t sent = 0;
        int refused = 0;
        run_until([&] {
            const size_t taken = one.from.send(piece);
            sent += taken;
            refused = taken == 0 ? refused + 1 : 0;
            return refused == 50;
        });
        CHECK(counter(one.paused) == 1);
        CHECK(counter(one.resumed) == 0);
        CHECK(gauge("tcp.in.downstream_cx_tx_bytes_buffered") <= 128 * 1024 + 2 * 64 * 1024);
        REQUIRE(run_until([&] { return one.to.receive().size() == sent; }));
        CHECK(counter(one.resumed) >= 1);
        CHECK(one.to.received.find_first_not_of('x') == std::string::npos);
    }
}

TEST_CASE_FIXTURE(TunnelFixture, "a tunnel in its stride allocates no block") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    const auto exchange = [&] {
        client.received.clear();
        far.received.clear();
        client.send("ping");
        REQUIRE(run_until([&] { return far.has("ping"); }));
        far.send("pong");
        REQUIRE(run_until([&] { return client.has("pong"); }));
    };
    exchange();
    const size_t blocks = network::pooled_blocks();
    for (int i = 0; i < 20; ++i) exchange();
    CHECK(network::pooled_blocks() == blocks);
}

TEST_CASE_FIXTURE(TunnelFixture, "what a slow reader takes in the end is counted then") {
    Server server;
    buffer_limit = 4 * 1024 * 1024;
    add({server.address()});
    auto [client, far] = tunnel(server);
    const std::string much(2 * 1024 * 1024, 'x');
    size_t sent = 0;
    REQUIRE(run_until([&] {
        sent += far.send(std::string_view(much).substr(sent));
        return sent == much.size() && gauge("tcp.in.downstream_cx_tx_bytes_buffered") > 0;
    }));
    REQUIRE(run_until([&] { return client.receive().size() == much.size(); }));
    // Nothing else happens in the tunnel.
    CHECK(run_until([&] { return gauge("tcp.in.downstream_cx_tx_bytes_buffered") == 0; }));
    CHECK(tcp("downstream_cx_tx_bytes_total") == much.size());
}

TEST_CASE_FIXTURE(TunnelFixture, "an upload is counted for the cluster while it lasts") {
    Server server;
    auto with = upstream::cluster_of("up", {server.address()});
    with.per_connection_buffer_limit_bytes = 4 * 1024 * 1024;
    add(with);
    auto [client, far] = tunnel(server);
    client.send("hello");
    REQUIRE(run_until([&] { return far.has("hello"); }));
    CHECK(counter("cluster.up.upstream_cx_tx_bytes_total") == 5);
    const std::string much(3 * 1024 * 1024, 'x');
    size_t sent = 0;
    REQUIRE(run_until([&] {
        sent += client.send(std::string_view(much).substr(sent));
        return sent == much.size();
    }));
    REQUIRE(run_until([&] { return far.receive().size() == 5 + much.size(); }));
    CHECK(run_until([&] { return counter("cluster.up.upstream_cx_tx_bytes_total") == 5 + much.size(); }));
}

}  // namespace heirloom::tcp_proxy
