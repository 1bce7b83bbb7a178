// SPDX-License-Identifier: Apache-2.0
// CONNECT that ends here (connect_config): its bytes go over a raw connection to the endpoint, which accepts it by
// being there.
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::ResponseFlag;
using std::chrono::milliseconds;

namespace {

struct ConnectFixture : RouterFixture {
    ConnectFixture() {
        forward();
        route.match.kind = config::RouteMatch::Kind::connect;
        route.forward->upgrades = {{.type = "connect"}};
        route.forward->connect.emplace();
        server.on_bytes = [](auto&) {};
    }
    RecordedStream& connect() {
        RecordedStream& client = stream();
        client.ask_for_tunnel("");
        return client;
    }
    RecordedStream& connected() {
        RecordedStream& client = connect();
        REQUIRE(run_until([&] { return client.status == "200" && !server.peers.empty(); }));
        return client;
    }
    const std::string& received() { return server.peers.at(0)->received; }
};

}  // namespace

TEST_CASE_FIXTURE(ConnectFixture, "a CONNECT ends here: nothing but its bytes, both ways") {
    RecordedStream& client = connect();
    CHECK(client.admitted == 1);
    CHECK(client.status.empty());
    client.body("early", false);
    REQUIRE(run_until([&] { return client.status == "200" && !server.peers.empty() && received() == "early"; }));
    CHECK(code("cluster.up.upstream_rq_", 200) == 1);
    CHECK(stat("upstream_rq_total") == 1);
    CHECK(client.details() == "via_upstream");
    CHECK_FALSE(client.info().upstream_protocol.has_value());
    CHECK(client.info().upstream_local.has_value());
    server.peers[0]->send("down");
    REQUIRE(run_until([&] { return client.text == "down"; }));
    client.body(" bird", false);
    REQUIRE(run_until([&] { return received() == "early bird"; }));
    SUBCASE("the endpoint resets") {
        server.peers[0]->abort();
        finish(client);
        CHECK(client.was_reset == http::StreamReset::connection_terminated);
        CHECK(client.flag(ResponseFlag::upstream_connection_termination));
    }
    SUBCASE("the client leaves") {
        client.end();
        CHECK(run_until([&] { return server.peers[0]->closed; }));
        CHECK(stat("upstream_rq_tx_reset") == 0);  // there is no such thing here
    }
    SUBCASE("the cluster ends") {
        worker.reset();
        CHECK(client.was_reset == http::StreamReset::connection_terminated);
    }
    CHECK(gauge("cluster.up.upstream_rq_active") == 0);
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(ConnectFixture, "a CONNECT that ends here: each side ends by itself") {
    RecordedStream& client = connected();
    SUBCASE("the client's first") {
        client.body("last words", true);
        finish(client);  // the peer answers a FIN by closing
        CHECK(received() == "last words");
        CHECK(client.info().response_flags == 0);
    }
    SUBCASE("the endpoint's first") {
        server.peers[0]->connection.finish_writing();
        REQUIRE(run_until([&] { return client.complete; }));
        client.body("still heard", false);
        REQUIRE(run_until([&] { return received() == "still heard"; }));
        client.body("!", true);
        REQUIRE(run_until([&] { return server.peers[0]->closed; }));
        CHECK(received() == "still heard!");
    }
    SUBCASE("the endpoint's first, and trailers are the client's end") {
        server.peers[0]->connection.finish_writing();
        REQUIRE(run_until([&] { return client.complete; }));
        http::HeaderMap trailers;
        client.handler().on_request_trailers(trailers);
        REQUIRE(run_until([&] { return server.peers[0]->closed; }));
    }
    SUBCASE("the endpoint's first, and then a lot that it takes slowly") {
        server.peers[0]->connection.finish_writing();
        REQUIRE(run_until([&] { return client.complete; }));
        server.peers[0]->connection.set_reading(false);
        client.body(std::string(8'000'000, 'x'), true);
        run_for(milliseconds(5));
        server.peers[0]->connection.set_reading(true);
        REQUIRE(run_until([&] { return server.peers[0]->closed; }));
        CHECK(received().size() == 8'000'000);
    }
    CHECK_FALSE(client.was_reset.has_value());
    CHECK(stat("upstream_rq_tx_reset") == 0);
    CHECK(run_until([&] { return gauge("cluster.up.upstream_rq_active") == 0; }));
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(ConnectFixture, "a CONNECT that ends here: a slow side stops the other") {
    RecordedStream& client = connected();
    SUBCASE("the endpoint") {
        server.peers[0]->connection.set_reading(false);
        size_t sent = 0;
        for (; sent < 64'000'000 && client.pauses == 0; sent += 1'000'000) {
            client.body(std::string(1'000'000, 'x'), false);
            run_for(milliseconds(2));
        }
        CHECK(client.pauses == 1);
        server.peers[0]->connection.set_reading(true);
        REQUIRE(run_until([&] { return received().size() == sent; }));
        CHECK(client.pauses == 0);
        CHECK(stat("upstream_flow_control_backed_up_total") == stat("upstream_flow_control_drained_total"));
    }
    SUBCASE("the client") {
        client.handler().on_response_flow_high();
        server.peers[0]->send("waits");
        run_for(milliseconds(5));
        CHECK(client.text.empty());
        client.handler().on_response_flow_low();
        REQUIRE(run_until([&] { return client.text == "waits"; }));
    }
}

TEST_CASE_FIXTURE(ConnectFixture, "a CONNECT that ends here: no connection, no tunnel") {
    SUBCASE("refused") {
        cluster.endpoints = {upstream::endpoint_at(upstream::refusing_address())};
        RecordedStream& client = connect();
        client.body("never read", false);
        finish(client);
        CHECK(client.status == "503");
        CHECK(client.local);
        CHECK(client.flag(ResponseFlag::upstream_connection_failure));
        CHECK(client.details() ==
              "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_"
              "Connection_refused}");
        CHECK(stat("upstream_cx_connect_fail") == 1);
    }
    SUBCASE("no room") {
        cluster.max_connections = 1;
        connected();
        RecordedStream& second = connect();
        CHECK(second.status == "503");
        CHECK(second.flag(ResponseFlag::upstream_overflow));
        CHECK(second.overloaded == "true");
    }
    SUBCASE("the client leaves before it is there") {
        connect().end();
        CHECK(stat("upstream_rq_cancelled") == 1);
        CHECK(gauge("cluster.up.upstream_cx_active") == 0);
    }
    SUBCASE("not allowed") {
        route.forward->upgrades[0].enabled = false;
        CHECK(connect().status == "403");
    }
}

TEST_CASE_FIXTURE(ConnectFixture,
                  "a CONNECT that ends here: the PROXY header comes first, and before the client has spoken") {
    route.forward->connect->proxy_version = 1;
    RecordedStream& client = connected();
    REQUIRE(run_until([&] { return received() == "PROXY UNKNOWN\r\n"; }));
    client.body("hello", false);
    REQUIRE(run_until([&] { return received() == "PROXY UNKNOWN\r\nhello"; }));
}

}  // namespace heirloom::router
