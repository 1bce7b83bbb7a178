// SPDX-License-Identifier: Apache-2.0
// Streams through the router to an upstream that behaves: what is sent, what comes back, what is counted.
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::ResponseFlag;

TEST_CASE_FIXTURE(RouterFixture, "a request goes to the route's cluster and the response comes back") {
    forward();
    route.forward->idle_timeout = std::chrono::milliseconds(77);
    RecordedStream& client = stream();
    client.request("GET", "/x?y");
    finish(client);
    CHECK(client.status == "200");
    CHECK(client.text == "ok");
    CHECK_FALSE(client.local);
    CHECK_FALSE(client.service_time.empty());
    CHECK(client.idle_timeout == std::chrono::milliseconds(77));
    const std::string& sent = server.peers[0]->received;
    CHECK(sent.starts_with("GET /x?y HTTP/1.1\r\nhost: a.com\r\n"));
    CHECK(sent.find("x-envoy-expected-rq-timeout-ms: 15000\r\n") != std::string::npos);

    const http::StreamInfo& info = client.info();
    CHECK(client.details() == "via_upstream");
    CHECK(info.route_name == "r");
    CHECK(info.virtual_host == "all");
    CHECK(info.upstream_cluster == "up");
    CHECK(info.upstream_attempts == 1);
    REQUIRE(info.upstream_host != nullptr);
    CHECK(info.upstream_host->port() == server.address().port());
    CHECK(info.upstream_local->ip() == "127.0.0.1");
    CHECK(info.upstream_request_end.has_value());
    CHECK(info.upstream_response_start.has_value());
    CHECK(info.upstream_response_end.has_value());
    CHECK(info.response_flags == 0);

    CHECK(counter("http.in.rq_total") == 1);
    CHECK(code("cluster.up.upstream_rq_", 200) == 1);
    CHECK(code("cluster.up.external.upstream_rq_", 200) == 1);
    CHECK(stat("upstream_rq_2xx") == 1);
    CHECK(stat("upstream_rq_completed") == 1);
    CHECK(numbers().rq_success == 1);
    CHECK(gauge("cluster.up.upstream_rq_active") == 0);
}

TEST_CASE_FIXTURE(RouterFixture, "suppressed: no x-envoy headers of ours") {
    forward();
    suppress = true;
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.service_time.empty());
    CHECK(server.peers[0]->received.find("x-envoy") == std::string::npos);
}

TEST_CASE_FIXTURE(RouterFixture, "redirects and direct responses are answered here") {
    route.match.value = "/";
    route.redirect.emplace();
    route.redirect->prefix_rewrite = "/new/";
    route.redirect->status = 302;
    RecordedStream& client = stream();
    client.request("GET", "/old?q");
    CHECK(client.status == "302");
    CHECK(client.location == "http://a.com/new/old?q");
    CHECK(client.text.empty());
    CHECK(client.details() == "direct_response");
    CHECK(counter("http.in.rq_redirect") == 0);
    CHECK(counter("http.in.rq_direct_response") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "direct response with a body; 201 says where") {
    route.match.value = "/";
    route.direct_response.emplace();
    route.direct_response->status = 201;
    route.direct_response->body = "made";
    RecordedStream& client = stream();
    client.request("POST", "/thing", false);
    CHECK(client.status == "201");
    CHECK(client.text == "made");
    CHECK(client.location == "http://a.com/thing");
    client.body("ignored", true);
}

TEST_CASE_FIXTURE(RouterFixture, "no route, no cluster, no endpoint") {
    forward();
    route.match.value = "/only";
    RecordedStream& lost = stream();
    lost.request("GET", "/");
    CHECK(lost.status == "404");
    CHECK(lost.text.empty());
    CHECK(lost.flag(ResponseFlag::no_route_found));
    CHECK(lost.details() == "route_not_found");
    CHECK(counter("http.in.no_route") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "an unknown cluster gives the configured status") {
    forward();
    route.forward->cluster = "nobody";
    route.forward->cluster_not_found_status = 404;
    RecordedStream& client = stream();
    client.request("GET", "/");
    CHECK(client.status == "404");
    CHECK(client.flag(ResponseFlag::no_cluster_found));
    CHECK(client.details() == "cluster_not_found");
    CHECK(counter("http.in.no_cluster") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "a cluster without endpoints") {
    forward();
    empty_cluster = true;
    RecordedStream& client = stream();
    client.request("GET", "/");
    CHECK(client.status == "503");
    CHECK(client.text == "no healthy upstream");
    CHECK(client.flag(ResponseFlag::no_healthy_upstream));
    CHECK(client.details() == "no_healthy_upstream");
    CHECK(code("cluster.up.upstream_rq_", 503) == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "a request body streams through as it comes, also before the connection is there") {
    forward();
    server.on_bytes = [](auto& peer) {
        if (peer.received.ends_with("world\r\n0\r\n\r\n"))
            peer.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    };
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    client.body("hello", false);  // still connecting
    REQUIRE(run_until([&] { return !server.peers.empty() && server.peers[0]->received.ends_with("hello\r\n"); }));
    client.body("world", true);
    finish(client);
    CHECK(client.status == "200");
    CHECK(client.text == "abcde");
    CHECK(server.peers[0]->received.find("5\r\nhello\r\n5\r\nworld\r\n") != std::string::npos);
}

TEST_CASE_FIXTURE(RouterFixture, "a large body before the connection pauses the client, and resumes it") {
    forward();
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    client.body(std::string(100'000, 'x'), false);
    CHECK(client.pauses == 1);
    REQUIRE(run_until([&] { return client.pauses == 0; }));
    client.body("", true);
    finish(client);
    CHECK(client.status == "200");
}

TEST_CASE_FIXTURE(RouterFixture, "an upstream that does not read pauses the client; the end releases it") {
    forward();
    server.on_bytes = [](auto& peer) { peer.connection.set_reading(false); };
    cluster.per_connection_buffer_limit_bytes = 1000;
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    REQUIRE(run_until([&] { return server.peers.size() == 1; }));
    const std::string piece(1'000'000, 'x');
    for (int i = 0; i < 20 && client.pauses == 0; ++i) {
        client.body(piece, false);
        run_for(std::chrono::milliseconds(2));
    }
    CHECK(client.pauses == 1);
    CHECK(stat("upstream_flow_control_backed_up_total") == 1);
    server.on_bytes = [](auto&) {};
    server.peers[0]->connection.set_reading(true);
    REQUIRE(run_until([&] { return client.pauses == 0; }));
    CHECK(stat("upstream_flow_control_drained_total") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "a client that does not read pauses the upstream") {
    forward();
    RecordedStream& client = stream();
    server.respond = [](auto& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"); };
    client.request("GET", "/");
    REQUIRE(run_until([&] { return client.text == "ab"; }));
    client.handler().on_response_flow_high();
    client.handler().on_response_flow_high();  // it may be told twice, and pauses once
    server.peers[0]->send("cd");
    run_for(std::chrono::milliseconds(5));
    CHECK(client.text == "ab");
    client.handler().on_response_flow_low();
    finish(client);
    CHECK(client.text == "abcd");
    CHECK(stat("upstream_flow_control_paused_reading_total") == 1);
    CHECK(stat("upstream_flow_control_resumed_reading_total") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "interim responses are counted and dropped") {
    forward();
    server.respond = [](auto& peer) {
        peer.send("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    };
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "204");
    CHECK(client.interims == 0);
    CHECK(stat("upstream_rq_1xx") == 1);
    CHECK(stat("upstream_rq_completed") == 2);
}

TEST_CASE_FIXTURE(RouterFixture, "a status above 599 counts as unknown") {
    forward();
    server.respond = [](auto& peer) { peer.send("HTTP/1.1 600 Odd\r\ncontent-length: 0\r\n\r\n"); };
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "600");
    CHECK(stat("upstream_rq_unknown") == 1);
    CHECK(stat("upstream_rq_completed") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "answered before the request is over: delivered, the connection is not kept") {
    forward();
    server.respond = [](auto& peer) { peer.send("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno"); };
    RecordedStream& client = stream();
    client.request("POST", "/", false);
    finish(client);
    CHECK(client.status == "413");
    CHECK(client.text == "no");
    client.body("more", true);  // nobody wants it
    CHECK(run_until([&] { return server.peers[0]->closed; }));
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(RouterFixture, "a client that leaves resets the request upstream, waiting or running") {
    forward();
    server.respond = [](auto&) {};
    RecordedStream& waiting = stream();
    waiting.request("GET", "/");
    waiting.end();
    CHECK(stat("upstream_rq_cancelled") == 1);
    RecordedStream& running = stream();
    running.request("GET", "/");
    REQUIRE(run_until([&] { return server.requests == 1; }));
    running.end();
    CHECK(stat("upstream_rq_tx_reset") == 0);
    CHECK(gauge("cluster.up.upstream_rq_active") == 0);
}

}  // namespace heirloom::router
