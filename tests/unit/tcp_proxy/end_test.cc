// SPDX-License-Identifier: Apache-2.0
// How tunnels end: by a peer, by time, by the process.
#include "tests/unit/tcp_proxy/fixture.h"

namespace heirloom::tcp_proxy {

TEST_CASE_FIXTURE(TunnelFixture, "silence both ways ends it") {
    Server server;
    add({server.address()});
    config.idle_timeout = milliseconds(600);
    log_as("%CONNECTION_TERMINATION_DETAILS% %RESPONSE_FLAGS%\n");
    auto [client, far] = tunnel(server);
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < milliseconds(900)) {
        client.send("x");
        run_for(milliseconds(10));
    }
    CHECK(set->size() == 1);
    far.send("y");
    REQUIRE(run_until([&] { return client.has("y"); }));
    REQUIRE(all_gone());
    CHECK(tcp("idle_timeout") == 1);
    CHECK(client.at_end());
    CHECK(run_until([&] { return far.at_end(); }));
    CHECK(logged() == "- -\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "a slow reader is not idle") {
    Server server;
    buffer_limit = 4 * 1024 * 1024;
    add({server.address()});
    config.idle_timeout = milliseconds(400);
    auto [client, far] = tunnel(server);
    const std::string much(3 * 1024 * 1024, 'x');
    size_t sent = 0;
    run_until([&] {
        sent += far.send(std::string_view(much).substr(sent));
        return sent == much.size();
    });
    // The endpoint is silent from here on.
    size_t taken = 0;
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < milliseconds(900)) {
        taken += client.take(16 * 1024);
        run_for(milliseconds(10));
    }
    CHECK(set->size() == 1);
    CHECK(taken < much.size());
}

TEST_CASE_FIXTURE(TunnelFixture, "silence counts from when the last of what waited was taken") {
    Server server;
    buffer_limit = 4 * 1024 * 1024;
    add({server.address()});
    config.idle_timeout = milliseconds(1000);
    auto [client, far] = tunnel(server);
    const std::string much(2 * 1024 * 1024, 'x');
    size_t sent = 0;
    REQUIRE(run_until([&] {
        sent += far.send(std::string_view(much).substr(sent));
        return sent == much.size();
    }));
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(run_until([&] { return client.receive().size() == much.size(); }));
    REQUIRE(all_gone());
    const auto lasted = std::chrono::steady_clock::now() - begin;
    CHECK(lasted >= milliseconds(950));
    CHECK(lasted < milliseconds(1800));
}

TEST_CASE_FIXTURE(TunnelFixture,
                  "silence counts from when a reader that stops in the middle has taken the last bytes") {
    Server server;
    buffer_limit = 4 * 1024 * 1024;
    add({server.address()});
    config.idle_timeout = milliseconds(1000);
    auto [client, far] = tunnel(server);
    const std::string much(3 * 1024 * 1024, 'x');
    size_t sent = 0;
    REQUIRE(run_until([&] {
        sent += far.send(std::string_view(much).substr(sent));
        return sent == much.size();
    }));
    run_for(milliseconds(200));
    size_t taken = 0;
    REQUIRE(run_until([&] { return (taken += client.take(64 * 1024)) >= 1024 * 1024; }));
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    const auto lasted = std::chrono::steady_clock::now() - begin;
    CHECK(lasted >= milliseconds(950));
    CHECK(lasted < milliseconds(1500));
    CHECK(tcp("idle_timeout") == 1);
}

TEST_CASE_FIXTURE(TunnelFixture, "max_downstream_connection_duration") {
    Server server;
    add({server.address()});
    config.max_connection_duration = milliseconds(60);
    log_as("%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS%\n");
    auto [client, far] = tunnel(server);
    REQUIRE(all_gone());
    CHECK(client.at_end());
    CHECK(tcp("max_downstream_connection_duration") == 1);
    CHECK(logged() == "DT -\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "a reset endpoint: the client gets what came before, and an orderly end") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    far.send("half an ans");
    REQUIRE(run_until([&] { return client.has("half an ans"); }));
    far.abort();
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
    client.leave();
    CHECK(all_gone());
}

TEST_CASE_FIXTURE(TunnelFixture, "a client that stays after the endpoint's end is let go after a second") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    far.abort();
    REQUIRE(run_until([&] { return client.at_end(); }));
    CHECK(set->size() == 1);
    client.send("into the void");
    CHECK(all_gone());
    CHECK_FALSE(client.at_reset());
}

TEST_CASE_FIXTURE(TunnelFixture, "a side that has left for good ends the tunnel, although the other goes on sending") {
    Server server;
    add({server.address()});
    over_tcp = true;
    auto [client, far] = tunnel(server);
    SUBCASE("the client") {
        client.leave();
        REQUIRE(run_until([&] { return far.at_end(); }));
        CHECK(set->size() == 1);  // it may have been half a close
        CHECK(run_until([&] { return far.send("more and more"), set->size() == 0; }));
    }
    SUBCASE("the endpoint") {
        far.leave();
        REQUIRE(run_until([&] { return client.at_end(); }));
        CHECK(set->size() == 1);
        CHECK(run_until([&] { return client.send("more and more"), set->size() == 0; }));
    }
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "what a client left behind still reaches the endpoint") {
    Server server;
    auto with = upstream::cluster_of("up", {server.address()});
    with.per_connection_buffer_limit_bytes = 32 * 1024 * 1024;
    add(with);
    auto [client, far] = tunnel(server);
    const std::string piece(256 * 1024, 'x');
    size_t sent = 0;
    // More than the sockets of the way hold.
    run_until([&] {
        sent += client.send(piece);
        return sent >= 16 * piece.size() * 2;
    });
    far.send("never read");  // so that leaving is a reset
    run_for(milliseconds(5));
    client.leave();
    REQUIRE(run_until([&] { return gauge("tcp.in.upstream_flush_active") == 1; }));
    CHECK(gauge("listener.10.0.0.1_80.downstream_cx_active") == 0);
    CHECK(set->size() == 1);
    REQUIRE(run_until([&] { return far.at_end(); }));
    CHECK(far.received.size() == sent);
    CHECK(all_gone());
    CHECK(tcp("upstream_flush_total") == 1);
    CHECK(gauge("tcp.in.upstream_flush_active") == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "a drain leaves tunnels alone") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    set->announce_drain();
    set->announce_close();
    set->close_idle();
    client.send("still");
    REQUIRE(run_until([&] { return far.has("still"); }));
    far.send("here");
    REQUIRE(run_until([&] { return client.has("here"); }));
    CHECK(set->size() == 1);
}

TEST_CASE_FIXTURE(TunnelFixture, "close_now sends what is buffered, then FIN both ways, within one iteration") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    const std::string much(900 * 1024, 'x');
    size_t sent = 0;
    run_until([&] {
        sent += far.send(std::string_view(much).substr(sent));
        return sent == much.size();
    });
    // All of it is here: bytes that nobody has read yet would turn the endpoint's FIN into a reset.
    REQUIRE(run_until([&] { return counter("cluster.up.upstream_cx_rx_bytes_total") == much.size(); }));
    REQUIRE(gauge("tcp.in.downstream_cx_tx_bytes_buffered") > 0);
    client.receive();
    loop->post([&] {
        set->close_now();
        loop->stop();
    });
    loop->run();
    client.receive();
    client.receive();
    CHECK_FALSE(client.reset);
    CHECK(far.at_end());
    CHECK_FALSE(far.reset);
    set.reset();
    CHECK(connections == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "unread input does not turn close_now into a reset") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    client.send("on its way");
    far.send("likewise");
    loop->post([&] {
        set->close_now();
        loop->stop();
    });
    loop->run();
    CHECK(set->size() == 0);
    CHECK(client.at_end());
    CHECK_FALSE(client.reset);
    CHECK(far.at_end());
    CHECK_FALSE(far.reset);
}

TEST_CASE_FIXTURE(TunnelFixture,
                  "a client that goes on sending when its tunnel is cut gets the rest and a FIN, no reset") {
    Server server;
    add({server.address()});
    auto [client, far] = tunnel(server);
    far.send("the last words");
    REQUIRE(run_until([&] { return client.has("the last words"); }));
    loop->post([&] { set->cut(); });
    REQUIRE(run_until([&] { return client.at_end(); }));
    REQUIRE(run_until([&] { return far.at_end(); }));
    CHECK(client.send("I did not know") > 0);
    run_for(milliseconds(20));
    CHECK(client.send("yet") > 0);
    CHECK_FALSE(client.at_reset());
    CHECK(set->size() == 1);
    client.finish();
    REQUIRE(run_until([&] { return set->size() == 0; }));
    CHECK_FALSE(client.at_reset());
}

TEST_CASE_FIXTURE(TunnelFixture, "the access log has a line at the end") {
    Server server;
    auto with = upstream::cluster_of("up", {server.address()});
    with.alt_stat_name = "shown";
    with.endpoints[0].hostname = "a.example";
    add(with);
    log_as(
        "%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_HOST% "
        "%UPSTREAM_HOST_NAME% %UPSTREAM_CLUSTER% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% "
        "%FILTER_CHAIN_NAME% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %REQ(:AUTHORITY)% %DOWNSTREAM_TLS_VERSION% "
        "%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%\n");
    auto [client, far] = tunnel(server);
    client.send("hello");
    REQUIRE(run_until([&] { return far.has("hello"); }));
    far.send("hi");
    REQUIRE(run_until([&] { return client.has("hi"); }));
    CHECK(logged().empty());
    client.finish();
    far.finish();
    REQUIRE(all_gone());
    CHECK(logged() ==
          "- 0 - 5 2 " + server.address().to_string() + " a.example shown 10.1.2.3:4711 10.0.0.1:80 chain 1 - - - -\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "a listener on any address logs the one that the client came to") {
    Server server;
    add({server.address()});
    listens_on = "0.0.0.0";
    over_tcp = true;
    log_as("%DOWNSTREAM_LOCAL_ADDRESS%\n");
    auto [client, far] = tunnel(server);
    client.finish();
    far.finish();
    REQUIRE(all_gone());
    CHECK(logged() == door.address().to_string() + "\n");
}

TEST_CASE_FIXTURE(TunnelFixture, "a handshake that takes too long is logged as that") {
    struct Endless final : network::TransportSocket {
        Handshake handshake(network::Buffer&, network::Buffer&) override { return Handshake::wants_input; }
        Input decode(network::Buffer&, network::Buffer&, network::Buffer&) override { return Input::open; }
        bool encode(network::Buffer&, network::Buffer&, size_t) override { return true; }
        bool finish(network::Buffer&) override { return true; }
        const network::TlsSession* session() const override { return nullptr; }
        std::string_view failure() const override { return {}; }
    };
    Server server;
    add({server.address()});
    log_as("%CONNECTION_TERMINATION_DETAILS%\n");
    Peer client;
    network::AcceptedConnection accepted = incoming(client);
    accepted.transport = std::make_unique<Endless>();
    accepted.handshake_timeout = milliseconds(20);
    set->accept(std::move(accepted));
    REQUIRE(all_gone());
    CHECK(logged() == "transport socket timeout was reached\n");
    CHECK(counter("listener.10.0.0.1_80.downstream_cx_transport_socket_connect_timeout") == 1);
}

}  // namespace heirloom::tcp_proxy
