// SPDX-License-Identifier: Apache-2.0
// An admin interface over an invented server: ask() sends one request and gives back what was answered.
#pragma once

#include <doctest/doctest.h>

#include "proxy/admin/admin.h"
#include "proxy/stats/store.h"

namespace heirloom::admin {

struct FakeServer : ServerView {
    ServerState now = ServerState::live;
    config::Snapshot config;
    std::shared_ptr<shm::Segment> numbers =
        *shm::Segment::create({.generation_slots = 4, .rows = 2, .stat_slots = 1u << 13});
    uint32_t slot = *numbers->claim_generation(7, 1);
    std::vector<ListenerStatus> bound;
    std::vector<upstream::ClusterStatus> running;
    std::vector<std::shared_ptr<const tls::Context>> contexts;
    std::vector<runtime::Layer> layers;
    std::string orders;  // what was asked for, in order

    ServerState state() const override { return now; }
    const config::Snapshot& snapshot() const override { return config; }
    shm::Segment& segment() override { return *numbers; }
    std::vector<ListenerStatus> listeners() const override { return bound; }
    std::vector<upstream::ClusterStatus> clusters() const override { return running; }
    std::vector<std::shared_ptr<const tls::Context>> tls_contexts() const override { return contexts; }
    uint32_t epoch() const override { return 7; }
    uint32_t generation_slot() const override { return slot; }
    std::chrono::seconds uptime_current() const override { return std::chrono::seconds(14); }
    std::chrono::seconds uptime_all() const override { return std::chrono::seconds(860); }
    std::vector<std::pair<std::string, std::string>> command_line_options() const override {
        return {{"concurrency", "2"}, {"log_level", "\"info\""}, {"disabled_extensions", "[]"}};
    }
    std::string hot_restart_version() const override { return "1.1"; }
    const std::vector<runtime::Layer>& runtime_layers() const override { return layers; }
    Status modify_runtime(const std::vector<std::pair<std::string, std::string>>& values) override {
        if (layers.empty()) return Error{"No admin layer specified"};
        for (const auto& [key, value] : values) orders += key + "=" + value + " ";
        return Ok{};
    }
    void fail_health_check(bool failed) override {
        now = failed ? ServerState::draining : ServerState::live;
        orders += failed ? "fail " : "ok ";
    }
    void drain_listeners(bool graceful, bool inbound_only, bool skip_exit) override {
        orders += std::string("drain") + (graceful ? " graceful" : "") + (inbound_only ? " inbound" : "") +
                  (skip_exit ? " skip_exit" : "") + " ";
    }
    void reopen_logs() override { orders += "reopen "; }
    void quit() override { orders += "quit "; }
    void reset_counters() override { numbers->reset_counters(); }
    void flush_stats() override { orders += "flush "; }
};

struct FakeStream : http::DownstreamStream {
    explicit FakeStream(network::EventLoop& event_loop) : event_loop_(event_loop) {}
    http::HeaderMap request;
    http::StreamInfo stream_info;
    int status = 0;
    std::string headers;  // "name: value\n", without :status
    std::string body;
    bool complete = false;
    bool high = false;  // the client does not read
    size_t high_after = std::string::npos;

    http::HeaderMap& request_headers() override { return request; }
    http::StreamInfo& info() override { return stream_info; }
    network::EventLoop& loop() override { return event_loop_; }
    void send_interim(uint16_t, const http::HeaderMap&) override {}
    void send_headers(http::HeaderMap& sent, bool end_stream) override {
        for (const auto& field : sent.fields()) {
            if (field.id == http::HeaderId::status) {
                status = std::stoi(std::string(field.value));
            } else {
                headers += std::string(field.name) + ": " + std::string(field.value) + "\n";
            }
        }
        complete = end_stream;
    }
    void send_body(network::Buffer& data, bool end_stream) override {
        CHECK_FALSE(complete);
        body += data.to_string();
        data.clear();
        complete = end_stream;
        high = body.size() >= high_after;
    }
    void send_trailers(http::HeaderMap&) override {}
    void send_local_reply(uint16_t code, std::string_view text, std::string_view, const http::HeaderMap*) override {
        status = code;
        body = text;
        complete = true;
    }
    void reset(http::StreamReset) override {}
    bool response_started() const override { return status != 0; }
    bool request_complete() const override { return true; }
    bool response_flow_high() const override { return high; }
    http::BodyFlow& request_flow() override { std::abort(); }

  private:
    network::EventLoop& event_loop_;
};

struct AdminFixture {
    FakeServer server;
    network::EventLoop loop;
    stats::Registrar registrar = stats::Registrar::for_owner(server.numbers);
    std::unique_ptr<http::StreamHandlerFactory> admin = make_admin(server);
    FakeStream last{loop};

    AdminFixture() { stats::set_thread_row(server.numbers->row(server.slot, 0)); }
    ~AdminFixture() { stats::set_thread_row(nullptr); }

    std::unique_ptr<http::StreamHandler> begin(std::string_view method, std::string_view target) {
        last.status = 0;
        last.headers.clear();
        last.body.clear();
        last.complete = false;
        last.request.clear();
        last.request.add_copy(http::HeaderId::method, method);
        last.request.add_copy(http::HeaderId::path, target);
        return admin->make_handler(last);
    }
    std::string ask(std::string_view target, std::string_view method = "GET") {
        const auto handler = begin(method, target);
        handler->on_request_headers(last.request, true);
        CHECK(last.complete);
        handler->on_destroy();
        return last.body;
    }
    std::string post(std::string_view target) { return ask(target, "POST"); }
    std::string post_form(std::string_view target, std::string_view form) {
        const auto handler = begin("POST", target);
        last.request.add_copy(http::HeaderId::content_type, "application/x-www-form-urlencoded");
        handler->on_request_headers(last.request, false);
        network::Buffer data;
        data.append(form);
        handler->on_request_body(data, true);
        CHECK(data.empty());
        handler->on_destroy();
        return last.body;
    }
    // What the answer left to be done afterwards is done.
    void run_loop_once() {
        loop.post([this] { loop.stop(); });
        loop.run();
    }
};

inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace heirloom::admin
