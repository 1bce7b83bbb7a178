// SPDX-License-Identifier: Apache-2.0
// Upstreams that refuse, reset, close early, say nonsense or nothing: what the client gets, and what is repeated.
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

using http::ResponseFlag;

namespace {

constexpr const char* kBefore = "upstream connect error or disconnect/reset before headers. reset reason: ";

}  // namespace

TEST_CASE_FIXTURE(RouterFixture, "refused") {
    forward();
    cluster.endpoints = {upstream::endpoint_at(upstream::refusing_address())};
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "503");
    CHECK(client.text == std::string(kBefore) + "remote connection failure");
    CHECK(client.flag(ResponseFlag::upstream_connection_failure));
    CHECK(
        client.details() ==
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}");
    CHECK(code("cluster.up.upstream_rq_", 503) == 1);
    CHECK(numbers().rq_error == 1);
    CHECK(numbers().rq_total == 0);
}

TEST_CASE_FIXTURE(RouterFixture, "closed or reset before a byte came") {
    forward();
    for (const bool abort : {false, true}) {
        server.respond = [&](auto& peer) { abort ? peer.abort() : peer.close(); };
        RecordedStream& client = stream();
        client.request("GET", "/");
        finish(client);
        CHECK(client.status == "503");
        CHECK(client.text == std::string(kBefore) + "connection termination");
        CHECK(client.flag(ResponseFlag::upstream_connection_termination));
        CHECK(client.details() == "upstream_reset_before_response_started{connection_termination}");
    }
    CHECK(server.requests == 2);  // fresh connections: nothing is repeated
    CHECK(stat("upstream_cx_destroy_remote_with_active_rq") == 2);
}

TEST_CASE_FIXTURE(RouterFixture, "nonsense instead of a response") {
    forward();
    server.respond = [](auto& peer) { peer.send("220 mail.example ESMTP\r\n\r\n"); };
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "502");
    CHECK(client.text == std::string(kBefore) + "protocol error");
    CHECK(client.flag(ResponseFlag::upstream_protocol_error));
    CHECK(stat("upstream_cx_protocol_error") == 1);
    CHECK(run_until([&] { return server.peers[0]->closed; }));
}

TEST_CASE_FIXTURE(RouterFixture, "a response head that is cut") {
    forward();
    server.respond = [](auto& peer) {
        peer.send("HTTP/1.1 200 OK\r\nconten");
        peer.close();
    };
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "502");
    CHECK(client.flag(ResponseFlag::upstream_protocol_error));
}

TEST_CASE_FIXTURE(RouterFixture, "a response body that is cut") {
    forward();
    server.respond = [](auto& peer) {
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
        peer.close();
    };
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "200");
    CHECK(client.was_reset == http::StreamReset::protocol_error);
    CHECK(client.flag(ResponseFlag::upstream_protocol_error));
    CHECK(client.details() == "upstream_reset_after_response_started{protocol_error}");
    CHECK(counter("http.in.rq_reset_after_downstream_response_started") == 0);
    RecordedStream& grpc = stream();
    grpc.request("POST", "/", true, "application/grpc");
    finish(grpc);
    CHECK(counter("http.in.rq_reset_after_downstream_response_started") == 1);
}

TEST_CASE_FIXTURE(RouterFixture, "silence: the route timeout, before and after the response began") {
    forward();
    route.forward->timeout = std::chrono::milliseconds(30);
    server.respond = [](auto&) {};
    RecordedStream& client = stream();
    client.request("GET", "/");
    finish(client);
    CHECK(client.status == "504");
    CHECK(client.text == "upstream request timeout");
    CHECK(client.flag(ResponseFlag::upstream_request_timeout));
    CHECK(client.details() == "response_timeout");
    CHECK(code("cluster.up.upstream_rq_", 504) == 1);
    CHECK(stat("upstream_rq_timeout") == 1);
    CHECK(numbers().rq_timeout == 1);
    CHECK(run_until([&] { return server.peers[0]->closed; }));

    server.respond = [](auto& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"); };
    RecordedStream& second = stream();
    second.request("GET", "/");
    finish(second);
    CHECK(second.status == "200");
    CHECK(second.was_reset.has_value());
    CHECK(second.flag(ResponseFlag::upstream_request_timeout));
}

TEST_CASE_FIXTURE(RouterFixture, "the route timeout starts when the request is complete") {
    forward();
    route.forward->timeout = std::chrono::milliseconds(20);
    RecordedStream& client = stream();
    server.on_bytes = [](auto&) {};
    client.request("POST", "/", false);
    run_for(std::chrono::milliseconds(60));
    CHECK_FALSE(client.over());
    client.body("x", true);
    finish(client);
    CHECK(client.status == "504");
}

TEST_CASE_FIXTURE(RouterFixture, "overflow") {
    forward();
    cluster.max_pending_requests = 0;
    RecordedStream& client = stream();
    client.request("GET", "/");
    CHECK(client.status == "503");
    CHECK(client.text == std::string(kBefore) + "overflow");
    CHECK(client.flag(ResponseFlag::upstream_overflow));
    CHECK(client.overloaded == "true");
    CHECK(client.details() == "upstream_reset_before_response_started{overflow}");
}

namespace {

// The first connection answers once; at the second request it is closed, as an upstream does whose idle time is over.
struct DyingPool : RouterFixture {
    void prepare() {
        forward();
        RecordedStream& first = stream();
        first.request("GET", "/first");
        finish(first);
        server.on_bytes = [this](auto& peer) {
            if (&peer == server.peers[0].get()) return peer.close();
            if (peer.received.find("\r\n\r\n") != std::string::npos && peer.answered++ == 0)
                peer.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nagain");
        };
    }
};

}  // namespace

TEST_CASE_FIXTURE(DyingPool, "a pooled connection that proves dead: repeated once on a fresh one") {
    prepare();
    RecordedStream& client = stream();
    client.request("GET", "/second");
    finish(client);
    CHECK(client.status == "200");
    CHECK(client.text == "again");
    CHECK(client.info().response_flags == 0);
    CHECK(client.info().upstream_attempts == 2);
    CHECK(server.peers.size() == 2);
    CHECK(stat("upstream_rq_retry") == 1);
    CHECK(stat("upstream_rq_retry_success") == 1);
    CHECK(code("cluster.up.upstream_rq_", 503) == 0);
}

TEST_CASE_FIXTURE(DyingPool, "max_retries bounds the repetitions") {
    SUBCASE("none allowed") {
        cluster.max_retries = 0;
        prepare();
        CHECK(gauge("cluster.up.circuit_breakers.default.rq_retry_open") == 1);
        RecordedStream& client = stream();
        client.request("GET", "/second");
        finish(client);
        CHECK(client.status == "503");
        CHECK(client.text == std::string(kBefore) + "connection termination");
        CHECK(client.flag(ResponseFlag::upstream_overflow));
        CHECK(client.flag(ResponseFlag::upstream_connection_termination));
        CHECK(stat("upstream_rq_retry_overflow") == 1);
        CHECK(stat("upstream_rq_retry") == 0);
        CHECK(server.peers.size() == 1);
    }
    SUBCASE("one at a time: taken while it runs, given back when it ends") {
        cluster.max_retries = 1;
        prepare();
        server.on_bytes = [this](auto& peer) {
            if (&peer == server.peers[0].get()) peer.close();
        };
        RecordedStream& client = stream();
        client.request("GET", "/second");
        REQUIRE(run_until([&] { return gauge("cluster.up.circuit_breakers.default.rq_retry_open") == 1; }));
        client.end();
        CHECK(gauge("cluster.up.circuit_breakers.default.rq_retry_open") == 0);
    }
}

TEST_CASE_FIXTURE(DyingPool, "a small body of an idempotent request is sent again") {
    prepare();
    RecordedStream& client = stream();
    client.request("PUT", "/second", false);
    client.body("one", false);
    client.body("two", true);
    finish(client);
    CHECK(client.status == "200");
    CHECK(server.peers[1]->received.find("onetwo") != std::string::npos);
}

TEST_CASE_FIXTURE(DyingPool, "a request that may have been processed is not repeated") {
    prepare();
    RecordedStream& client = stream();
    client.request("POST", "/second");
    finish(client);
    CHECK(client.status == "503");
    CHECK(client.flag(ResponseFlag::upstream_connection_termination));
    CHECK(server.peers.size() == 1);
}

TEST_CASE_FIXTURE(DyingPool, "a body above the buffer limit is not repeated") {
    prepare();
    RecordedStream& client = stream();
    client.request("PUT", "/second", false);
    client.buffered = 40'000;
    client.body(std::string(50'000, 'x'), true);
    finish(client);
    CHECK(client.status == "503");
    CHECK(server.peers.size() == 1);
}

TEST_CASE_FIXTURE(DyingPool, "there is no second repetition") {
    prepare();
    server.on_bytes = [](auto& peer) { peer.close(); };
    RecordedStream& client = stream();
    client.request("GET", "/second");
    finish(client);
    CHECK(client.status == "503");
    CHECK(client.text ==
          "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection "
          "termination");
    CHECK(server.peers.size() == 2);
}

}  // namespace heirloom::router
