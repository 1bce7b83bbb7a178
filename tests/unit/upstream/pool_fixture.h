// SPDX-License-Identifier: Apache-2.0
// One cluster on one worker, and requests through its pools.
#pragma once

#include "proxy/upstream/worker_cluster.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::upstream {

// One request through the pool, and what became of it.
struct Request : http::ResponseDecoder, PoolCallbacks {
    ~Request() override { give_up(); }
    void give_up() {
        if (PoolTicket* const waiting = std::exchange(ticket, nullptr)) waiting->cancel();
        http::RequestEncoder* const running = std::exchange(encoder, nullptr);
        if (running && !over()) running->reset(http::StreamReset::local);
    }
    void ask(WorkerCluster& cluster, StreamNeeds needs = {}) {
        headers.add_copy(http::HeaderId::method, "GET");
        headers.add_copy(http::HeaderId::path, "/");
        headers.add_copy(http::HeaderId::authority, "a");
        lease = cluster.choose();
        REQUIRE(lease);
        const Acquired acquired = cluster.acquire(lease, *this, *this, needs);
        ticket = acquired.ticket;
        failure = acquired.failure;
        if (acquired.encoder) on_pool_ready(*acquired.encoder, *acquired.transport);
    }
    void on_pool_ready(http::RequestEncoder& with, UpstreamTransport& transport) override {
        ticket = nullptr;
        encoder = &with;
        reused = transport.reused();
        encoder->encode_headers(headers, true);
    }
    void on_pool_failure(http::StreamReset reason, std::string_view text) override {
        ticket = nullptr;
        failure = reason;
        transport_failure = text;
    }
    void on_interim(uint16_t, http::HeaderMap&) override {}
    void on_response_headers(http::HeaderMap& response, bool end_stream) override {
        status = response.get(http::HeaderId::status);
        done = end_stream;
    }
    void on_response_body(network::Buffer& data, bool end_stream) override {
        body += data.to_string();
        data.clear();
        done = end_stream;
    }
    void on_response_trailers(http::HeaderMap&) override { done = true; }
    void on_stream_reset(http::StreamReset reason) override {
        reset = reason;
        if (when_reset) when_reset();
    }
    void on_request_flow_high() override {}
    void on_request_flow_low() override {}
    bool over() const { return done || failure || reset; }

    std::function<void()> when_reset;
    http::HeaderMap headers;
    EndpointLease lease;
    PoolTicket* ticket = nullptr;
    http::RequestEncoder* encoder = nullptr;
    bool reused = false;
    bool done = false;
    std::string status, body, transport_failure;
    std::optional<http::StreamReset> failure, reset;
};

struct PoolFixture : LoopFixture {
    PoolFixture() : server(*loop) {}
    ~PoolFixture() { view.reset(); }
    WorkerCluster& open(config::ClusterConfig with) {
        config = std::move(with);
        cluster = std::make_unique<Cluster>(config, make_cluster_stats(*registrar, config));
        view = std::make_unique<WorkerClusterView>(*loop, *cluster, 0, list_of(config));
        return *view;
    }
    static std::shared_ptr<const HostSet> list_of(const config::ClusterConfig& config) {
        EndpointList list;
        for (const auto& endpoint : config.endpoints)
            list.push_back(
                std::make_shared<const Endpoint>(EndpointIdentity{*endpoint.address, "", 1, "", "", "", 0, {}, {}}));
        return make_host_set(std::move(list));
    }
    uint64_t stat(const std::string& name) { return counter("cluster.up." + name); }
    void finish(Request& request) {
        REQUIRE(run_until([&] { return request.over(); }));
    }

    ScriptedUpstream server;
    config::ClusterConfig config;
    std::unique_ptr<Cluster> cluster;
    std::unique_ptr<WorkerClusterView> view;
};

}  // namespace heirloom::upstream
