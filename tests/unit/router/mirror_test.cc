// SPDX-License-Identifier: Apache-2.0
// Copies of requests: what they are, and that the request never waits for them.
#include "proxy/router/mirror.h"

#include "proxy/config/mirror_config.h"
#include "tests/unit/router/router_fixture.h"

namespace heirloom::router {

namespace {

struct MirrorFixture : RouterFixture {
    MirrorFixture() : copies(*loop) {
        forward();
        more_clusters = {upstream::cluster_of("copy", {copies.address()})};
        policies = {config::MirrorPolicyConfig{.cluster = "copy", .cluster_header = "", .fraction = {}}};
    }
    RecordedStream& client() {
        route.forward->mirrors = std::make_shared<const config::MirrorPolicies>(policies);
        return stream();
    }
    uint64_t copy_stat(const std::string& name) { return counter("cluster.copy." + name); }

    upstream::ScriptedUpstream copies;
    config::MirrorPolicies policies;
};

}  // namespace

TEST_CASE("the host of a copy") {
    CHECK(shadow_host("a.com") == "a.com-shadow");
    CHECK(shadow_host("a.com:80") == "a.com-shadow:80");
    CHECK(shadow_host("[::1]") == "[::1]-shadow");
    CHECK(shadow_host("[::1]:80") == "[::1]-shadow:80");
    CHECK(shadow_host("") == "-shadow");
}

TEST_CASE_FIXTURE(MirrorFixture, "a copy goes to the other cluster, and its answer nowhere") {
    copies.respond = [](auto& peer) { peer.send("HTTP/1.1 404 no\r\ncontent-length: 2\r\n\r\nno"); };
    SUBCASE("") {}
    SUBCASE("with the host as it is") { policies[0].keeps_host = true; }
    RecordedStream& one = client();
    one.request("GET", "/a");
    finish(one);
    CHECK(one.status == "200");
    CHECK(one.text == "ok");
    REQUIRE(run_until([&] { return copies.requests == 1; }));
    const std::string& head = copies.peers[0]->received;
    CHECK(head.starts_with("GET /a HTTP/1.1\r\n"));
    CHECK(head.find(policies[0].keeps_host ? "host: a.com\r\n" : "host: a.com-shadow\r\n") != std::string::npos);
    CHECK(head.find("x-envoy-internal: true\r\n") != std::string::npos);
    CHECK(server.peers[0]->received.find("shadow") == std::string::npos);
    REQUIRE(run_until([&] { return copy_stat("upstream_rq_completed") == 1; }));
    CHECK(code("cluster.copy.upstream_rq_", 404) == 1);
    CHECK(gauge("cluster.copy.upstream_rq_active") == 0);
    CHECK(stat("upstream_rq_completed") == 1);
}

TEST_CASE_FIXTURE(MirrorFixture, "a body goes both ways, however it comes") {
    int whole = 0;
    server.on_bytes = copies.on_bytes = [&](auto& peer) {
        if (take_request(peer).find("world") == std::string::npos) return;
        ++whole;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    };
    RecordedStream& one = client();
    one.request("POST", "/", false);
    one.body("hello ", false);
    const auto has_begun = [](const auto& upstream) {
        return upstream.peers.size() == 1 && upstream.peers[0]->received.find("hello ") != std::string::npos;
    };
    REQUIRE(run_until([&] { return has_begun(server) && has_begun(copies); }));
    one.body("world", true);
    finish(one);
    CHECK(one.status == "200");
    CHECK(run_until([&] { return whole == 2 && copy_stat("upstream_rq_completed") == 1; }));
}

TEST_CASE_FIXTURE(MirrorFixture, "who does not take the copy loses it; the request goes on") {
    more_clusters[0].max_connections = 1;
    copies.respond = [](auto&) {};
    RecordedStream& first = client();
    first.request("GET", "/");
    finish(first);
    REQUIRE(run_until([&] { return copies.requests == 1; }));
    server.on_bytes = [&](auto& peer) {
        if (!take_request(peer).empty()) peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    };
    server.peers[0]->answered = server.peers[0]->received.size();
    RecordedStream& second = client();
    second.buffered = 1000;  // the listener's limit does not matter
    second.request("POST", "/", false);
    second.body(std::string(900'000, 'a'), false);
    CHECK(stat("retry_or_shadow_abandoned") == 0);
    second.body(std::string(900'000, 'a'), true);
    CHECK(stat("retry_or_shadow_abandoned") == 1);
    CHECK(second.pauses == 0);
    finish(second);
    CHECK(second.status == "200");
    CHECK(gauge("cluster.copy.upstream_rq_pending_active") == 0);
}

TEST_CASE_FIXTURE(MirrorFixture, "a request that breaks off takes its copy along, a whole one leaves it") {
    copies.respond = [](auto&) {};
    RecordedStream& whole = client();
    whole.request("GET", "/");
    finish(whole);
    server.on_bytes = [](auto&) {};
    RecordedStream& broken = client();
    broken.request("POST", "/", false);
    broken.body("a", false);
    REQUIRE(run_until([&] { return copies.requests == 2; }));
    CHECK(gauge("cluster.copy.upstream_rq_active") == 2);
    broken.end();
    CHECK(run_until([&] { return gauge("cluster.copy.upstream_rq_active") == 1; }));
    run_for(std::chrono::milliseconds(5));
    CHECK(gauge("cluster.copy.upstream_rq_active") == 1);
}

TEST_CASE_FIXTURE(MirrorFixture, "which requests are copied, and where to") {
    SUBCASE("none") { policies[0].fraction = config::RuntimeFraction{{0, 100}, {}}; }
    SUBCASE("by a field that names nobody") {
        policies[0] = {.cluster = "", .cluster_header = ":path", .fraction = {}};
    }
    SUBCASE("to an endpoint that refuses") {
        more_clusters = {upstream::cluster_of("copy", {upstream::refusing_address()})};
    }
    SUBCASE("to a cluster without endpoints") { more_clusters = {upstream::cluster_of("copy", {})}; }
    RecordedStream& one = client();
    one.request("GET", "/");
    finish(one);
    CHECK(one.status == "200");
    run_for(std::chrono::milliseconds(5));
    CHECK(copies.requests == 0);
    const bool tried = !policies[0].fraction && !policies[0].cluster.empty();
    CHECK(copy_stat("upstream_rq_completed") == (tried ? 1 : 0));
}

TEST_CASE_FIXTURE(MirrorFixture, "a copy that is never answered has the time of the request") {
    copies.respond = [](auto&) {};
    route.forward->timeout = std::chrono::milliseconds(20);
    RecordedStream& one = client();
    one.request("GET", "/");
    finish(one);
    CHECK(one.status == "200");
    REQUIRE(run_until([&] { return copy_stat("upstream_rq_timeout") == 1; }));
    CHECK(code("cluster.copy.upstream_rq_", 504) == 1);
}

}  // namespace heirloom::router
