// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.h"

#include <pthread.h>

#include <system_error>

#include "proxy/connection_manager/connection_set.h"
#include "proxy/router/router.h"
#include "proxy/tcp_proxy/connection_set.h"

namespace heirloom::server {

// Destroyed from the bottom up: who uses goes before who is used.
struct Worker::Chain {
    std::unique_ptr<http::StreamHandlerFactory> router;  // null: plain TCP
    std::unique_ptr<access_log::Logger> log;
    std::unique_ptr<network::ConnectionAcceptor> connections;
};

// One listener on this worker.
struct Worker::Part {
    std::unique_ptr<access_log::Logger> log;  // null: none
    std::vector<std::unique_ptr<Chain>> chains;
    std::unique_ptr<listener::Listener> listener;
    bool inbound = false;

    void each(void (network::ConnectionAcceptor::*what)()) {
        for (const auto& chain : chains) (*chain->connections.*what)();
    }
};

Worker::Worker(uint32_t index, Setting setting) : index_(index), setting_(std::move(setting)) {}

Worker::~Worker() {
    stop();
    join();
}

bool Worker::start(std::function<void()> done) {
    if (!loop_.valid()) return false;
    built_ = std::move(done);
    try {
        thread_ = std::thread(&Worker::run, this);
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

void Worker::run() {
    stats::set_thread_row(setting_.row);
    stats::set_thread_log(setting_.values);
    runtime_ = setting_.runtime;
    runtime::set_thread_table(runtime_.get());
    ::pthread_setname_np(::pthread_self(), ("wrk:worker_" + std::to_string(index_)).substr(0, 15).c_str());
    build();
    setting_.main_loop.post(std::move(built_));
    loop_.run();
    parts_.clear();
    clusters_.reset();
    empty_ = nullptr;
    runtime::set_thread_table(nullptr);
}

void Worker::build() {
    clusters_ = setting_.clusters.make_worker(loop_, index_);
    clusters_->on_background([this](int change) { on_connection_change(change); });
    for (const ListenerPlan& plan : setting_.plans) parts_.push_back(make_part(plan));
}

std::unique_ptr<Worker::Part> Worker::make_part(const ListenerPlan& plan) {
    auto part = std::make_unique<Part>();
    part->inbound = plan.inbound();
    if (!plan.log_files.empty())
        part->log = std::make_unique<access_log::Logger>(loop_, plan.config->access_logs, plan.log_files);
    const std::vector<int> all = plan.socket.fds();
    const listener::ShardChoice choice = listener::choose_shards(all.size(), index_, setting_.workers);
    listener::Listener::Setting setting{
        .name = plan.config->name,
        .shards = {},
        .shared = choice.shared,
        .chains = {},
        .stats = plan.stats,
        .matcher = plan.matcher,
        .address = plan.socket.bound,
        .filters = listener::ListenerFilters::wanted(*plan.config) ? plan.config : nullptr,
        .filter_stats = plan.filter_stats,
        .log = part->log.get(),
        .limits = plan.limits};
    for (const size_t shard : choice.shards) setting.shards.push_back(all[shard]);
    for (const ChainPlan& chain : plan.chains) {
        part->chains.push_back(make_chain(plan, chain, part->log.get()));
        setting.chains.push_back({.acceptor = *part->chains.back()->connections,
                                  .secured = chain.config->tls != nullptr,
                                  .tls = chain.tls,
                                  .handshake_timeout = chain.config->transport_socket_connect_timeout});
    }
    part->listener = std::make_unique<listener::Listener>(loop_, reserve_, std::move(setting));
    part->listener->on_change([this](int change) { on_connection_change(change); });
    return part;
}

std::unique_ptr<Worker::Chain> Worker::make_chain(const ListenerPlan& plan, const ChainPlan& chain,
                                                  access_log::Logger* listener_log) {
    auto made = std::make_unique<Chain>();
    const auto& logs = chain.config->http ? chain.config->http->access_logs : chain.config->tcp->access_logs;
    made->log = std::make_unique<access_log::Logger>(loop_, logs, chain.log_files);
    if (chain.config->http) {
        serve_http(*made, plan, chain, listener_log);
    } else {
        serve_tcp(*made, plan, chain, listener_log);
    }
    made->connections->on_change([this](int change) { on_connection_change(change); });
    return made;
}

void Worker::serve_http(Chain& made, const ListenerPlan& plan, const ChainPlan& chain,
                        access_log::Logger* listener_log) {
    const config::ListenerConfig& config = *plan.config;
    const auto& http = chain.config->http;
    made.router = router::make_router(http, chain.routes, chain.router_stats, *clusters_);
    made.connections = std::make_unique<connection_manager::ConnectionSet>(connection_manager::ConnectionManagerConfig{
        .loop = loop_,
        .http = http,
        .stats = chain.stats[index_],
        .handlers = *made.router,
        .access_log = *made.log,
        .drain = {setting_.drain, plan.inbound(), config.drain_type == config::ListenerConfig::DrainType::modify_only},
        .random = random_,
        .own_address = setting_.own_address,
        .listen_address = plan.socket.bound,
        .buffer_limit_bytes = config.per_connection_buffer_limit_bytes,
        .filter_chain_name = chain.config->name,
        .listener_log = listener_log});
}

void Worker::serve_tcp(Chain& made, const ListenerPlan& plan, const ChainPlan& chain,
                       access_log::Logger* listener_log) {
    made.connections = std::make_unique<tcp_proxy::ConnectionSet>(
        tcp_proxy::TcpProxySetting{.loop = loop_,
                                   .tcp = chain.config->tcp,
                                   .stats = chain.tcp_stats[index_],
                                   .clusters = *clusters_,
                                   .access_log = *made.log,
                                   .random = random_,
                                   .listen_address = plan.socket.bound,
                                   .buffer_limit_bytes = plan.config->per_connection_buffer_limit_bytes,
                                   .filter_chain_name = chain.config->name,
                                   .listener_log = listener_log});
}

void Worker::on_connection_change(int change) {
    const uint64_t now = active_.load(std::memory_order_relaxed) + static_cast<uint64_t>(static_cast<int64_t>(change));
    active_.store(now, std::memory_order_relaxed);
    if (now == 0 && empty_) setting_.main_loop.post(empty_);
}

void Worker::start_polling(std::function<void(bool)> done) {
    post([this, done = std::move(done)] {
        bool all = true;
        for (const auto& part : parts_) all = part->listener->start() && all;
        setting_.main_loop.post([done, all] { done(all); });
    });
}

void Worker::stop_polling(bool inbound_only, std::function<void()> done) {
    post([this, inbound_only, done = std::move(done)] {
        for (const auto& part : parts_) {
            if (!inbound_only || part->inbound) part->listener->stop();
        }
        setting_.main_loop.post(done);
    });
}

void Worker::set_tls(size_t listener, size_t chain, std::shared_ptr<const tls::ServerContext> context) {
    post([this, listener, chain, context = std::move(context)]() mutable {
        parts_[listener]->listener->set_tls(chain, std::move(context));
    });
}

void Worker::set_runtime(std::shared_ptr<const runtime::Table> table) {
    post([this, table = std::move(table)] {
        runtime_ = table;
        runtime::set_thread_table(runtime_.get());
    });
}

void Worker::drain(std::function<void()> empty) {
    post([this, empty = std::move(empty)] {
        empty_ = empty;
        clusters_->close_idle();
        for (const auto& part : parts_) part->each(&network::ConnectionAcceptor::announce_drain);
    });
}

void Worker::announce_drain(bool inbound_only) {
    post([this, inbound_only] {
        for (const auto& part : parts_) {
            if (!inbound_only || part->inbound) part->each(&network::ConnectionAcceptor::announce_drain);
        }
    });
}

void Worker::announce_close() {
    post([this] {
        for (const auto& part : parts_) part->each(&network::ConnectionAcceptor::announce_close);
    });
}

void Worker::close_idle() {
    post([this] {
        for (const auto& part : parts_) {
            part->listener->close_idle();
            part->each(&network::ConnectionAcceptor::close_idle);
        }
    });
}

void Worker::cut() {
    post([this] {
        for (const auto& part : parts_) part->each(&network::ConnectionAcceptor::cut);
    });
}

void Worker::stop() {
    if (std::exchange(stopping_, true) || !thread_.joinable()) return;
    post([this] {
        empty_ = nullptr;
        for (const auto& part : parts_) {
            part->listener->stop();
            part->listener->close_now();
            part->each(&network::ConnectionAcceptor::close_now);
        }
        loop_.stop();
    });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace heirloom::server
