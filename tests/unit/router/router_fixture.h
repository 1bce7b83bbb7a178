// SPDX-License-Identifier: Apache-2.0
// A router between a scripted upstream and a downstream stream that records what it is told.
#pragma once

#include "proxy/router/router.h"
#include "tests/unit/upstream/fixture.h"

namespace heirloom::router {

class RecordedStream : public http::DownstreamStream, public http::BodyFlow {
  public:
    RecordedStream(network::EventLoop& loop, http::StreamHandlerFactory& factory)
        : loop_(loop), handler_(factory.make_handler(*this)) {
        info_.start = loop.now();
    }
    ~RecordedStream() override { end(); }

    // The client's side.
    void request(std::string_view method, std::string_view path, bool end_stream = true, std::string_view type = {}) {
        if (!type.empty()) headers_.add_copy(http::HeaderId::content_type, type);
        headers_.add_copy(http::HeaderId::method, method);
        headers_.add_copy(http::HeaderId::authority, "a.com");
        headers_.add_copy(http::HeaderId::path, path);
        headers_.add_copy(http::HeaderId::scheme, "http");
        request_complete_ = end_stream;
        handler_->on_request_headers(headers_, end_stream);
    }
    void body(std::string_view piece, bool end_stream) {
        network::Buffer data;
        data.append(piece);
        request_complete_ = end_stream;
        handler_->on_request_body(data, end_stream);
        CHECK(data.empty());
    }
    void ask_for_tunnel(std::string_view upgrade, bool end_stream = false) {
        request_complete_ = end_stream;
        if (upgrade.empty()) {
            headers_.add_copy(http::HeaderId::method, "CONNECT");
            headers_.add_copy(http::HeaderId::authority, "a.com:1");
        } else {
            headers_.add_copy(http::HeaderId::upgrade, upgrade);
            return request("GET", "/", end_stream);
        }
        handler_->on_request_headers(headers_, end_stream);
    }
    // The client leaves, or the stream is over.
    void end() {
        if (std::exchange(ended_, true)) return;
        handler_->on_destroy();
    }

    http::HeaderMap& request_headers() override { return headers_; }
    http::StreamInfo& info() override { return info_; }
    network::EventLoop& loop() override { return loop_; }
    void send_interim(uint16_t, const http::HeaderMap&) override { ++interims; }
    void send_headers(http::HeaderMap& headers, bool end_stream) override {
        status = headers.get(http::HeaderId::status);
        service_time = headers.get(http::HeaderId::x_envoy_upstream_service_time);
        finished(end_stream);
    }
    void send_body(network::Buffer& data, bool end_stream) override {
        text += data.to_string();
        data.clear();
        finished(end_stream);
    }
    void send_trailers(http::HeaderMap&) override { finished(true); }
    void send_local_reply(uint16_t code, std::string_view body_text, std::string_view details,
                          const http::HeaderMap* add) override {
        status = std::to_string(code);
        text = body_text;
        info_.response_code_details = details;
        local = true;
        if (add) {
            location = add->get(http::HeaderId::location);
            overloaded = add->get(http::HeaderId::x_envoy_overloaded);
        }
        finished(true);
    }
    void reset(http::StreamReset reason) override {
        was_reset = reason;
        end();
    }
    bool response_started() const override { return !status.empty(); }
    bool request_complete() const override { return request_complete_; }
    bool response_flow_high() const override { return false; }
    http::BodyFlow& request_flow() override { return *this; }
    size_t buffer_limit() const override { return buffered; }
    void set_max_duration(std::chrono::milliseconds limit) override { max_duration = limit; }
    void admit_tunnel() override { ++admitted; }
    void refuse_tunnel() override { send_local_reply(403, "", "upgrade_failed", nullptr); }
    void set_idle_timeout(std::chrono::milliseconds timeout) override { idle_timeout = timeout; }
    void pause_reading() override { ++pauses; }
    void resume_reading() override { --pauses; }

    http::StreamHandler& handler() { return *handler_; }
    bool over() const { return complete || was_reset; }
    std::string details() const { return std::string(info_.response_code_details); }
    bool flag(http::ResponseFlag which) const { return info_.has_flag(which); }

    std::string status, text, location, overloaded, service_time;
    bool complete = false;
    bool local = false;
    int interims = 0;
    int admitted = 0;
    int pauses = 0;
    size_t buffered = 1024 * 1024;
    std::optional<http::StreamReset> was_reset;
    std::optional<std::chrono::milliseconds> idle_timeout, max_duration;

  private:
    void finished(bool end_stream) {
        if (!end_stream) return;
        complete = true;
        if (request_complete_) end();
    }

    network::EventLoop& loop_;
    http::StreamInfo info_;
    http::HeaderMap headers_;
    bool request_complete_ = false;
    bool ended_ = false;
    std::unique_ptr<http::StreamHandler> handler_;
};

// The next whole request that `peer` has sent, its body (chunked) included; "": none yet.
inline std::string take_request(upstream::ScriptedUpstream::Peer& peer) {
    const size_t head = peer.received.find("\r\n\r\n", peer.answered);
    if (head == std::string::npos) return {};
    size_t end = head + 4;
    const std::string text = peer.received.substr(peer.answered, end - peer.answered);
    if (text.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos) {
        const size_t last = peer.received.find("0\r\n\r\n", head);
        if (last == std::string::npos) return {};
        end = last + 5;
    }
    const std::string request = peer.received.substr(peer.answered, end - peer.answered);
    peer.answered = end;
    return request;
}

struct RouterFixture : upstream::LoopFixture {
    RouterFixture() : server(*loop) {}
    ~RouterFixture() {
        streams.clear();
        factory.reset();
        worker.reset();
        manager.reset();
    }

    // Cluster "up" leads to `server`; "/" to it. Tests change `route` and `cluster` before the first stream.
    RecordedStream& stream() {
        if (!factory) open();
        streams.push_back(std::make_unique<RecordedStream>(*loop, *factory));
        return *streams.back();
    }
    void open() {
        if (cluster.endpoints.empty() && !empty_cluster) cluster.endpoints = {upstream::endpoint_at(server.address())};
        cluster.name = "up";
        auto snapshot = std::make_shared<config::Snapshot>();
        snapshot->clusters.push_back(cluster);
        for (const config::ClusterConfig& one : more_clusters) snapshot->clusters.push_back(one);
        manager = upstream::ClusterManager::create(*loop, snapshot, *registrar);
        worker = manager->make_worker(*loop, 0);
        auto with = std::make_shared<config::HttpConnectionManagerConfig>();
        with->suppress_envoy_headers = suppress;
        with->upgrades = upgrades;
        config::VirtualHostConfig host;
        host.name = "all";
        host.domains = {"*"};
        host.routes = more_routes;
        host.routes.push_back(route);
        with->routes.virtual_hosts.push_back(host);
        factory = make_router(with, RouteTable::compile(with), make_router_stats(*registrar, "in"), *worker);
    }
    void forward() {
        route.name = "r";
        route.match.value = "/";
        route.forward.emplace();
        route.forward->cluster = "up";
    }
    void finish(RecordedStream& stream) {
        REQUIRE(run_until([&] { return stream.over(); }));
    }
    uint64_t stat(const std::string& name) { return counter("cluster.up." + name); }
    upstream::EndpointNumbers numbers() { return manager->status()[0].endpoints.at(0).numbers; }

    upstream::ScriptedUpstream server;
    config::ClusterConfig cluster;
    config::RouteConfig route;
    std::vector<config::ClusterConfig> more_clusters;
    std::vector<config::RouteConfig> more_routes;  // before `route`
    std::vector<config::UpgradeConfig> upgrades;
    bool empty_cluster = false;
    bool suppress = false;
    std::unique_ptr<upstream::ClusterManager> manager;
    std::unique_ptr<upstream::WorkerClusters> worker;
    std::unique_ptr<http::StreamHandlerFactory> factory;
    std::vector<std::unique_ptr<RecordedStream>> streams;
};

}  // namespace heirloom::router
