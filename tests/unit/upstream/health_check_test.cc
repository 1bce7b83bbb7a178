// SPDX-License-Identifier: Apache-2.0
// Active health checks of a running cluster manager.
#include "proxy/config/health_config.h"
#include "proxy/runtime/table.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

namespace {

using std::chrono::milliseconds;

struct CheckFixture : LoopFixture {
    CheckFixture() {
        check.timeout = milliseconds(200);
        check.interval = check.unhealthy_interval = check.unhealthy_edge_interval = check.healthy_edge_interval =
            milliseconds(5);
        check.no_traffic_interval = check.no_traffic_healthy_interval = milliseconds(5);
        config::HttpCheckConfig http;
        http.path = "/hc";
        check.kind = http;
    }
    ~CheckFixture() { manager.reset(); }

    void start(const std::vector<shm::SocketAddress>& addresses) {
        auto snapshot = std::make_shared<config::Snapshot>();
        snapshot->clusters.push_back(cluster_of("up", addresses));
        config::ClusterConfig& up = snapshot->clusters.back();
        up.health_check = std::make_shared<const config::HealthCheckConfig>(check);
        if (endpoint_check)
            up.endpoints.back().check = std::make_shared<const config::EndpointCheckConfig>(*endpoint_check);
        manager = ClusterManager::create(*loop, snapshot, *registrar);
        manager->on_initialized([this] { initialized = true; });
    }
    std::string health(size_t endpoint = 0) { return flags_text(manager->status()[0].endpoints.at(endpoint).health); }
    uint64_t stat(const std::string& name) { return counter("cluster.up.health_check." + name); }
    uint64_t healthy() { return gauge("cluster.up.health_check.healthy"); }

    config::HealthCheckConfig check;
    std::optional<config::EndpointCheckConfig> endpoint_check;
    std::unique_ptr<ClusterManager> manager;
    bool initialized = false;
};

std::string answer(int status, const std::string& fields = "") {
    return "HTTP/1.1 " + std::to_string(status) + " x\r\ncontent-length: 0\r\n" + fields + "\r\n";
}

}  // namespace

TEST_CASE_FIXTURE(CheckFixture, "an endpoint is failed until its first check, and the cluster waits for it") {
    ScriptedUpstream server(*loop);
    start({server.address()});
    CHECK(health() == "/failed_active_hc");
    CHECK_FALSE(initialized);
    REQUIRE(run_until([&] { return initialized; }));
    CHECK(health() == "healthy");
    CHECK(healthy() == 1);
    CHECK(gauge("cluster.up.membership_healthy") == 1);
    REQUIRE(run_until([&] { return stat("success") >= 3; }));
    CHECK(server.peers.size() == 1);  // one connection for all
    CHECK(server.peers[0]->received.starts_with("GET /hc HTTP/1.1\r\nhost: up\r\nuser-agent: Envoy/HC\r\n\r\n"));
    CHECK(gauge("cluster.up.upstream_cx_active") == 0);
}

TEST_CASE_FIXTURE(CheckFixture, "who refuses, hangs or answers wrongly is failed; the cluster starts all the same") {
    ScriptedUpstream wrong(*loop), silent(*loop);
    wrong.respond = [](ScriptedUpstream::Peer& peer) { peer.send(answer(503)); };
    silent.respond = [](ScriptedUpstream::Peer&) {};
    check.timeout = milliseconds(30);
    start({refusing_address(), wrong.address(), silent.address()});
    REQUIRE(run_until([&] { return initialized; }));
    CHECK(health(0) == "/failed_active_hc");
    CHECK(health(1) == "/failed_active_hc");
    CHECK(health(2) == "/failed_active_hc/active_hc_timeout");
    CHECK(healthy() == 0);
    CHECK(stat("network_failure") >= 2);
    CHECK(stat("failure") > stat("network_failure"));
    CHECK(stat("success") == 0);
}

TEST_CASE_FIXTURE(CheckFixture, "health follows the answers, by the thresholds") {
    ScriptedUpstream server(*loop);
    std::string reply = answer(204);
    server.respond = [&](ScriptedUpstream::Peer& peer) { peer.send(reply); };
    auto& http = std::get<config::HttpCheckConfig>(check.kind);
    http.expected = {{200, 200}, {204, 206}};
    http.retriable = {{500, 599}};
    check.unhealthy_threshold = 3;
    check.healthy_threshold = 2;
    start({server.address()});
    REQUIRE(run_until([&] { return initialized; }));
    CHECK(health() == "healthy");
    reply = answer(500);
    REQUIRE(run_until([&] { return health() == "/failed_active_hc"; }));
    CHECK(stat("failure") == 3);
    reply = answer(205, "x-envoy-degraded: 1\r\n");
    const uint64_t before = stat("success");
    REQUIRE(run_until([&] { return health() == "/degraded_active_hc"; }));
    CHECK(stat("success") >= before + 2);
    CHECK(gauge("cluster.up.health_check.degraded") == 1);
    CHECK(gauge("cluster.up.membership_degraded") == 1);
    reply = answer(404);
    const uint64_t failures = stat("failure");
    REQUIRE(run_until([&] { return stat("failure") > failures; }));
    CHECK(health().starts_with("/failed_active_hc"));
}

TEST_CASE_FIXTURE(CheckFixture, "the check goes on over a new connection when the old one has ended") {
    ScriptedUpstream server(*loop);
    SUBCASE("by the answer") {
        server.respond = [](ScriptedUpstream::Peer& peer) { peer.send(answer(200, "connection: close\r\n")); };
    }
    SUBCASE("because connections are not to be re-used") { check.reuse_connection = false; }
    SUBCASE("by the server, between two checks") {
        server.respond = [](ScriptedUpstream::Peer& peer) {
            peer.send(answer(200));
            peer.close();
        };
    }
    start({server.address()});
    REQUIRE(run_until([&] { return server.peers.size() >= 3; }));
    CHECK(stat("failure") == 0);
    CHECK(health() == "healthy");
}

TEST_CASE_FIXTURE(CheckFixture, "an endpoint may have a check port and host name of its own, or none") {
    ScriptedUpstream server(*loop), other(*loop);
    endpoint_check.emplace();
    SUBCASE("own") {
        endpoint_check->port = other.address().port();
        endpoint_check->hostname = "hc.example";
        start({server.address()});
        REQUIRE(run_until([&] { return initialized; }));
        REQUIRE(other.peers.size() == 1);
        CHECK(other.peers[0]->received.find("\r\nhost: hc.example\r\n") != std::string::npos);
    }
    SUBCASE("none") {
        endpoint_check->disabled = true;
        start({server.address()});
        CHECK(initialized);
        CHECK(health() == "healthy");
        run_for(milliseconds(20));
        CHECK(stat("attempt") == 0);
    }
    CHECK(server.peers.empty());
}

TEST_CASE_FIXTURE(CheckFixture, "TCP: to connect is enough, or bytes must come back in order") {
    ScriptedUpstream server(*loop);
    config::TcpCheckConfig tcp;
    std::string reply = "xPOyyNGz";
    server.on_bytes = [&](ScriptedUpstream::Peer& peer) { peer.send(reply); };
    SUBCASE("connect") {}
    SUBCASE("bytes") {
        tcp.send = "PING";
        tcp.receive = {"PO", "NG"};
    }
    check.kind = tcp;
    check.timeout = milliseconds(30);
    start({server.address()});
    REQUIRE(run_until([&] { return initialized; }));
    CHECK(health() == "healthy");
    REQUIRE(run_until([&] { return stat("success") >= 2; }));
    if (tcp.send.empty()) return;
    CHECK(server.peers.size() == 1);
    CHECK(server.peers[0]->received.starts_with("PINGPING"));
    reply = "NGPO";
    REQUIRE(run_until([&] { return health() == "/failed_active_hc/active_hc_timeout"; }));
}

TEST_CASE_FIXTURE(CheckFixture, "without traffic the slower interval counts; a retired cluster is not checked") {
    ScriptedUpstream server(*loop);
    check.no_traffic_healthy_interval = std::chrono::hours(1);
    start({server.address()});
    REQUIRE(run_until([&] { return initialized; }));
    run_for(milliseconds(30));
    CHECK(stat("attempt") == 1);
    manager->retire();
    CHECK(health() == "healthy");
    CHECK(healthy() == 0);
    CHECK(gauge("cluster.up.membership_total") == 0);
    REQUIRE(run_until([&] { return server.peers[0]->closed; }));
}

// The server says GOAWAY when the second request is on its way already: what it has not looked at, it cannot have
// failed.
TEST_CASE_FIXTURE(CheckFixture, "HTTP/2: a check that crosses the orderly end of its connection is made again") {
    ScriptedUpstream server(*loop);
    const std::string settings("\0\0\0\4\0\0\0\0\0", 9);
    const std::string goaway("\0\0\x08\7\0\0\0\0\0\0\0\0\1\0\0\0\0", 17);  // the last stream is the first one
    int crossings = 0;
    server.on_accept = [&](ScriptedUpstream::Peer& peer) {
        peer.answered = 24;  // bytes that were looked at: behind the preface
        peer.send(settings);
    };
    server.on_bytes = [&](ScriptedUpstream::Peer& peer) {
        const std::string& in = peer.received;
        while (peer.answered + 9 <= in.size()) {
            const auto byte = [&](size_t at) { return static_cast<unsigned char>(in[peer.answered + at]); };
            const size_t length = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
            if (peer.answered + 9 + length > in.size()) return;
            const bool head = byte(3) == 1;
            const bool first = byte(8) == 1;
            peer.answered += 9 + length;
            if (!head) continue;
            if (first) {
                peer.send(std::string("\0\0\1\1\5\0\0\0\1\x88", 10));  // 200, and no more
                continue;
            }
            ++crossings;
            peer.send(goaway);
            return peer.close();
        }
    };
    std::get<config::HttpCheckConfig>(check.kind).http2 = true;
    start({server.address()});
    REQUIRE(run_until([&] { return crossings >= 3; }));
    CHECK(health() == "healthy");
    CHECK(stat("failure") == 0);
    CHECK(server.peers.size() >= 3);
}

TEST_CASE_FIXTURE(CheckFixture, "the runtime bounds the interval") {
    ScriptedUpstream server(*loop);
    const runtime::Table slow({{"health_check.min_interval", config::parse_runtime_value("3600000")}});
    const runtime::Table fast({{"health_check.max_interval", config::parse_runtime_value("3")}});
    check.no_traffic_healthy_interval = std::chrono::hours(1);
    runtime::set_thread_table(&fast);
    start({server.address()});
    REQUIRE(run_until([&] { return stat("attempt") >= 3; }));
    runtime::set_thread_table(&slow);
    run_for(milliseconds(20));
    const uint64_t then = stat("attempt");
    run_for(milliseconds(20));
    CHECK(stat("attempt") == then);
    runtime::set_thread_table(nullptr);
}

}  // namespace heirloom::upstream
