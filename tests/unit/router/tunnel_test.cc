// SPDX-License-Identifier: Apache-2.0
// Upgrades and CONNECT through the router: who is allowed, what is held until the upstream agrees, how it ends.
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::ResponseFlag;
using std::chrono::milliseconds;

namespace {

constexpr const char* kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n";

struct TunnelFixture : RouterFixture {
    TunnelFixture() {
        forward();
        upgrades = {{.type = "websocket"}};
        // What comes behind the head.
        server.on_bytes = [this](auto& peer) {
            if (peer.heads() == 0) return;
            if (peer.answered++ == 0) peer.send(first_answer);
            beyond = peer.received.substr(peer.received.find("\r\n\r\n") + 4);
        };
    }
    std::string first_answer = kSwitching;
    std::string beyond;
};

}  // namespace

TEST_CASE_FIXTURE(TunnelFixture, "an upgrade: bytes are held until the upstream agrees, then flow both ways") {
    first_answer.clear();
    RecordedStream& client = stream();
    client.ask_for_tunnel("WebSocket");
    CHECK(client.admitted == 1);
    client.body("early", false);
    REQUIRE(run_until([&] { return !server.peers.empty() && server.peers[0]->heads() == 1; }));
    CHECK(server.peers[0]->received.find("connection: Upgrade\r\n") != std::string::npos);
    client.body(" bird", false);
    run_for(milliseconds(5));
    CHECK(beyond.empty());
    server.peers[0]->send(std::string(kSwitching) + "down");
    REQUIRE(run_until([&] { return beyond == "early bird"; }));
    CHECK(client.status == "101");
    CHECK(client.text == "down");
    CHECK(code("cluster.up.upstream_rq_", 101) == 1);
    CHECK(client.pauses == 0);
    client.body("!", false);
    REQUIRE(run_until([&] { return beyond == "early bird!"; }));
    SUBCASE("the upstream resets") {
        server.peers[0]->abort();
        finish(client);
        CHECK(client.was_reset == http::StreamReset::connection_terminated);
        CHECK(client.details() == "upstream_reset_after_response_started{connection_termination}");
    }
    SUBCASE("the client leaves") {
        client.end();
        CHECK(run_until([&] { return server.peers[0]->closed; }));
        CHECK(stat("upstream_rq_tx_reset") == 0);  // there is no such thing here
    }
}

TEST_CASE_FIXTURE(TunnelFixture, "each side ends by itself") {
    RecordedStream& client = stream();
    client.ask_for_tunnel("websocket");
    REQUIRE(run_until([&] { return client.status == "101"; }));
    SUBCASE("the client's first") {
        client.body("last words", true);
        REQUIRE(run_until([&] { return server.peers[0]->connection.closing(); }));  // the peer answers a FIN by closing
        finish(client);
        CHECK(beyond == "last words");
        CHECK(client.info().response_flags == 0);
    }
    SUBCASE("the upstream's first") {
        server.peers[0]->connection.finish_writing();
        REQUIRE(run_until([&] { return client.complete; }));
        client.body("still heard", false);
        REQUIRE(run_until([&] { return beyond == "still heard"; }));
        client.body("", true);
        REQUIRE(run_until([&] { return server.peers[0]->closed; }));
        CHECK_FALSE(client.was_reset.has_value());
    }
    CHECK(stat("upstream_rq_tx_reset") == 0);
    CHECK(run_until([&] { return gauge("cluster.up.upstream_rq_active") == 0; }));
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(TunnelFixture, "an upstream that does not agree: its answer, and nothing of the rest") {
    first_answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n";
    RecordedStream& client = stream();
    client.ask_for_tunnel("websocket");
    client.body("GET /smuggled HTTP/1.1\r\n\r\n", false);
    REQUIRE(run_until([&] { return client.status == "401"; }));
    client.body("GET /again HTTP/1.1\r\n\r\n", false);
    server.peers[0]->send("no");
    REQUIRE(run_until([&] { return client.complete; }));
    CHECK(client.text == "no");
    CHECK(beyond.empty());
    REQUIRE(run_until([&] { return server.peers[0]->closed; }));
}

TEST_CASE_FIXTURE(TunnelFixture, "who is allowed: the route's word is last") {
    const auto answer = [this](std::string_view type) {
        RecordedStream& client = stream();
        client.ask_for_tunnel(type);
        REQUIRE(run_until([&] { return client.response_started(); }));
        return client.status;
    };
    SUBCASE("by the connection manager") {
        CHECK(answer("WEBSOCKET") == "101");
        CHECK(answer("foo") == "403");
        CHECK(answer("websocket, foo") == "403");
    }
    SUBCASE("by the route") {
        route.forward->upgrades = {{.type = "websocket", .enabled = false}, {.type = "foo"}};
        CHECK(answer("websocket") == "403");
        CHECK(answer("foo") == "101");
    }
    SUBCASE("by nobody") {
        upgrades.clear();
        CHECK(answer("websocket") == "403");
        CHECK(streams[0]->details() == "upgrade_failed");
        CHECK(streams[0]->admitted == 0);
        CHECK(counter("http.in.rq_total") == 0);
    }
}

TEST_CASE_FIXTURE(TunnelFixture, "CONNECT needs a route of its own and a word that allows it") {
    first_answer = "HTTP/1.1 200 OK\r\n\r\nhello";
    RecordedStream* client = nullptr;
    const auto answer = [&] {
        client = &stream();
        client->ask_for_tunnel("");
        REQUIRE(run_until([&] { return client->response_started(); }));
        return client->status;
    };
    SUBCASE("no such route") {
        upgrades = {{.type = "connect"}};
        CHECK(answer() == "404");
        CHECK(client->flag(ResponseFlag::no_route_found));
    }
    SUBCASE("not allowed") {
        route.match.kind = config::RouteMatch::Kind::connect;
        CHECK(answer() == "403");
    }
    SUBCASE("allowed") {
        route.match.kind = config::RouteMatch::Kind::connect;
        route.forward->upgrades = {{.type = "connect"}};
        CHECK(answer() == "200");
        CHECK(server.peers[0]->received.starts_with("CONNECT a.com:1 HTTP/1.1\r\nhost: a.com:1\r\n"));
        client->body("up", false);
        REQUIRE(run_until([&] { return beyond == "up" && client->text == "hello"; }));
    }
    SUBCASE("its route takes nothing else") {
        route.match.kind = config::RouteMatch::Kind::connect;
        RecordedStream& other = stream();
        other.request("GET", "/");
        CHECK(other.status == "404");
    }
}

TEST_CASE_FIXTURE(TunnelFixture, "the route timeout runs for the handshake and no longer") {
    route.forward->timeout = milliseconds(30);
    SUBCASE("an upstream that says nothing") {
        first_answer.clear();
        RecordedStream& client = stream();
        client.ask_for_tunnel("websocket");
        finish(client);
        CHECK(client.status == "504");
        CHECK(client.flag(ResponseFlag::upstream_request_timeout));
    }
    SUBCASE("an upstream that says nothing, and a client that has said all") {
        first_answer.clear();
        RecordedStream& client = stream();
        client.ask_for_tunnel("websocket", true);
        finish(client);
        CHECK(client.status == "504");
        CHECK(client.flag(ResponseFlag::upstream_request_timeout));
    }
    SUBCASE("a client that ends its side meanwhile gives it no more time") {
        route.forward->timeout = milliseconds(300);
        first_answer.clear();
        RecordedStream& client = stream();
        client.ask_for_tunnel("websocket");
        run_for(milliseconds(250));
        client.body("", true);
        const auto from = loop->now();
        finish(client);
        CHECK(loop->now() - from < milliseconds(250));
        CHECK(client.status == "504");
    }
    SUBCASE("a tunnel that is open, and the client's side of it is over") {
        RecordedStream& client = stream();
        client.ask_for_tunnel("websocket", true);
        REQUIRE(run_until([&] { return client.status == "101"; }));
        run_for(milliseconds(60));
        CHECK(stat("upstream_rq_timeout") == 0);
    }
    SUBCASE("a tunnel that is open, also half") {
        RecordedStream& client = stream();
        client.ask_for_tunnel("websocket");
        REQUIRE(run_until([&] { return client.status == "101"; }));
        server.peers[0]->connection.finish_writing();
        run_for(milliseconds(60));
        CHECK_FALSE(client.was_reset.has_value());
    }
}

TEST_CASE_FIXTURE(TunnelFixture, "a lot of early bytes stop the client, and go on when the tunnel is open") {
    first_answer.clear();
    RecordedStream& client = stream();
    client.ask_for_tunnel("websocket");
    client.body(std::string(100'000, 'x'), false);
    CHECK(client.pauses == 1);
    REQUIRE(run_until([&] { return !server.peers.empty() && server.peers[0]->heads() == 1; }));
    server.peers[0]->send(kSwitching);
    REQUIRE(run_until([&] { return beyond.size() == 100'000; }));
    CHECK(client.pauses == 0);
}

}  // namespace heirloom::router
