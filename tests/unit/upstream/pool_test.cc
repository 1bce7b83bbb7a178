// SPDX-License-Identifier: Apache-2.0
// Connection pools against an upstream that does what the test says.
#include "tests/unit/upstream/pool_fixture.h"

namespace heirloom::upstream {

TEST_CASE_FIXTURE(PoolFixture, "the second request re-uses the connection of the first") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    Request first;
    first.ask(up);
    CHECK(first.ticket != nullptr);
    finish(first);
    CHECK(first.status == "200");
    CHECK(first.body == "ok");
    CHECK_FALSE(first.reused);
    Request second;
    second.ask(up);
    CHECK(second.ticket == nullptr);
    finish(second);
    CHECK(second.reused);
    CHECK(server.peers.size() == 1);
    CHECK(stat("upstream_rq_total") == 2);
    CHECK(stat("upstream_cx_total") == 1);
    CHECK(stat("upstream_rq_pending_total") == 1);
    CHECK(gauge("cluster.up.upstream_rq_active") == 0);
    CHECK(gauge("cluster.up.upstream_cx_active") == 1);
    const EndpointNumbers numbers = second.lease.endpoint().numbers();
    CHECK(numbers.cx_active == 1);
    CHECK(numbers.rq_total == 2);
    CHECK(numbers.rq_active == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "of several idle connections the last used serves first") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    Request one, two;
    one.ask(up);
    two.ask(up);
    finish(one);
    finish(two);
    REQUIRE(server.peers.size() == 2);
    for (int i = 0; i < 3; ++i) {
        Request again;
        again.ask(up);
        finish(again);
    }
    const size_t first = server.peers[0]->heads(), second = server.peers[1]->heads();
    CHECK(first + second == 5);
    CHECK(std::max(first, second) == 4);
}

TEST_CASE_FIXTURE(PoolFixture, "a refused connect fails what waits, with the reason") {
    WorkerCluster& up = open(cluster_of("up", {refusing_address()}));
    Request request;
    request.ask(up);
    finish(request);
    CHECK(request.failure == http::StreamReset::connection_failed);
    CHECK(request.transport_failure == "delayed connect error: Connection refused");
    CHECK(stat("upstream_cx_connect_fail") == 1);
    CHECK(stat("upstream_cx_destroy_remote") == 1);
    CHECK(stat("upstream_rq_pending_failure_eject") == 1);
    CHECK(gauge("cluster.up.upstream_rq_pending_active") == 0);
    CHECK(request.lease.endpoint().numbers().cx_connect_fail == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "a connect that nobody answers times out") {
    BoundSocket full(SOCK_STREAM);
    REQUIRE(::listen(full.fd.get(), 0) == 0);
    std::vector<UniqueFd> fillers;  // the queue of the listening socket takes no more
    for (int i = 0; i < 4; ++i) {
        fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        ::connect(fillers.back().get(), reinterpret_cast<const sockaddr*>(&full.address.storage), full.address.length);
    }
    auto with = cluster_of("up", {full.address});
    with.connect_timeout = std::chrono::milliseconds(50);
    Request request;
    request.ask(open(with));
    finish(request);
    CHECK(request.failure == http::StreamReset::connection_timeout);
    CHECK(stat("upstream_cx_connect_timeout") == 1);
    CHECK(stat("upstream_cx_destroy_local") == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "an idle connection that the upstream closes is gone at once") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    Request request;
    request.ask(up);
    finish(request);
    server.peers[0]->close();
    CHECK(run_until([&] { return gauge("cluster.up.upstream_cx_active") == 0; }));
    CHECK(stat("upstream_cx_destroy_remote") == 1);
    CHECK(stat("upstream_cx_destroy_with_active_rq") == 0);
    Request next;
    next.ask(up);
    finish(next);
    CHECK(next.status == "200");
    CHECK(server.peers.size() == 2);
}

TEST_CASE_FIXTURE(PoolFixture, "an idle connection on which bytes arrive is not trusted any more") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    Request request;
    request.ask(up);
    finish(request);
    server.peers[0]->send("HTTP/1.1 200 OK\r\n\r\n");
    CHECK(run_until([&] { return gauge("cluster.up.upstream_cx_active") == 0; }));
    CHECK(stat("upstream_cx_protocol_error") == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "connection: close and the request limit end a connection") {
    auto with = cluster_of("up", {server.address()});
    with.max_requests_per_connection = 2;
    WorkerCluster& up = open(with);
    for (int i = 0; i < 3; ++i) {
        Request request;
        request.ask(up);
        finish(request);
    }
    CHECK(server.peers.size() == 2);
    CHECK(stat("upstream_cx_max_requests") == 1);
    server.respond = [](auto& peer) { peer.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"); };
    Request last;
    last.ask(up);
    finish(last);
    CHECK(run_until([&] { return gauge("cluster.up.upstream_cx_active") == 0; }));
    CHECK(stat("upstream_cx_close_notify") == 1);
    CHECK(stat("upstream_cx_protocol_error") == 0);
    server.respond = [](auto& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore"); };
    Request more;
    more.ask(up);
    finish(more);
    CHECK(run_until([&] { return gauge("cluster.up.upstream_cx_active") == 0; }));
    CHECK(stat("upstream_cx_close_notify") == 1);
    CHECK(stat("upstream_cx_protocol_error") == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "an idle connection is closed after its time") {
    auto with = cluster_of("up", {server.address()});
    with.idle_timeout = std::chrono::milliseconds(20);
    Request request;
    request.ask(open(with));
    finish(request);
    CHECK(run_until([&] { return stat("upstream_cx_idle_timeout") == 1; }));
    CHECK(stat("upstream_cx_destroy_local") == 1);
    CHECK(run_until([&] { return server.peers[0]->closed; }));
}

TEST_CASE_FIXTURE(PoolFixture, "limits: requests wait for the one connection, then overflow") {
    auto with = cluster_of("up", {server.address()});
    with.max_connections = 1;
    with.max_pending_requests = 2;
    WorkerCluster& up = open(with);
    std::vector<ScriptedUpstream::Peer*> waiting;
    server.respond = [&](auto& peer) { waiting.push_back(&peer); };
    Request running;
    running.ask(up);
    REQUIRE(run_until([&] { return waiting.size() == 1; }));
    CHECK(gauge("cluster.up.circuit_breakers.default.cx_open") == 1);
    Request second, third, fourth;
    second.ask(up);
    third.ask(up);
    fourth.ask(up);
    CHECK(fourth.failure == http::StreamReset::overflow);
    CHECK(stat("upstream_rq_pending_overflow") == 1);
    CHECK(stat("upstream_cx_overflow") == 2);
    CHECK(gauge("cluster.up.upstream_rq_pending_active") == 2);
    third.give_up();
    CHECK(stat("upstream_rq_cancelled") == 1);
    server.respond = nullptr;
    waiting[0]->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    finish(second);
    CHECK(second.reused);
    CHECK(server.peers.size() == 1);
    CHECK(gauge("cluster.up.upstream_rq_pending_active") == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "over max_requests a request is refused even with a connection at hand") {
    auto with = cluster_of("up", {server.address()});
    with.max_requests = 1;
    WorkerCluster& up = open(with);
    server.respond = [](auto&) {};
    Request first, second;
    first.ask(up);
    second.ask(up);
    finish(second);
    CHECK(second.failure == http::StreamReset::overflow);
    CHECK(stat("upstream_rq_active_overflow") == 1);
    CHECK(gauge("cluster.up.circuit_breakers.default.rq_open") == 1);
    first.give_up();
    CHECK(gauge("cluster.up.circuit_breakers.default.rq_open") == 0);
    CHECK(stat("upstream_cx_destroy_local_with_active_rq") == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "a removed endpoint finishes its request, then leaves") {
    ScriptedUpstream other(*loop);
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    ScriptedUpstream::Peer* waiting = nullptr;
    server.respond = [&](auto& peer) { waiting = &peer; };
    auto request = std::make_unique<Request>();
    request->ask(up);
    REQUIRE(run_until([&] { return waiting != nullptr; }));
    view->set_hosts(list_of(cluster_of("up", {other.address()})));
    CHECK(view->removed_pools() == 1);
    Request elsewhere;
    elsewhere.ask(up);
    finish(elsewhere);
    CHECK(other.requests == 1);
    waiting->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    finish(*request);
    CHECK(request->status == "200");
    CHECK(view->removed_pools() == 1);  // the stream still looks at its endpoint
    request.reset();
    CHECK(view->removed_pools() == 0);
    CHECK(run_until([&] { return server.peers[0]->closed; }));
}

TEST_CASE_FIXTURE(PoolFixture, "when the cluster ends, streams hear of it and leases stay good") {
    WorkerCluster& up = open(cluster_of("up", {server.address()}));
    server.respond = [](auto&) {};
    Request running, waiting;
    running.ask(up);
    REQUIRE(run_until([&] { return running.encoder != nullptr; }));
    waiting.ask(up);
    view.reset();
    CHECK(running.reset == http::StreamReset::local);
    CHECK(waiting.failure == http::StreamReset::connection_terminated);
    CHECK(running.lease.endpoint().address().port() == server.address().port());
}

TEST_CASE_FIXTURE(PoolFixture, "an endpoint that moves keeps its connections and its health; new ones go where it is") {
    ScriptedUpstream other(*loop);
    EndpointIdentity identity;
    identity.address = server.address();
    const auto here = std::make_shared<const Endpoint>(identity, Endpoint(identity));
    identity.address = other.address();
    const auto there = std::make_shared<const Endpoint>(identity, *here);
    WorkerCluster& here_and_there = open(cluster_of("up", {}));
    view->set_hosts(make_host_set({here}));
    Request first;
    first.ask(here_and_there);
    REQUIRE(run_until([&] { return first.done; }));
    view->set_hosts(make_host_set({there}));
    CHECK(server.peers.size() == 1);
    Request second, third;
    second.ask(here_and_there);
    CHECK(second.reused);
    third.ask(here_and_there);
    REQUIRE(run_until([&] { return second.done && third.done; }));
    CHECK(server.requests == 2);
    CHECK(other.requests == 1);
    CHECK_FALSE(server.peers[0]->closed);
    CHECK(there->numbers().cx_total == 2);
}

}  // namespace heirloom::upstream
