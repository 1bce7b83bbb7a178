// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.h"

#include <pthread.h>

#include <system_error>

#include "proxy/router/router.h"

namespace heirloom::server {

// One listener on this worker. Destroyed from the bottom up: who uses goes before who is used.
struct Worker::Part {
    std::unique_ptr<http::StreamHandlerFactory> router;
    std::unique_ptr<access_log::Logger> log;
    std::unique_ptr<connection_manager::ConnectionSet> connections;
    std::unique_ptr<listener::Listener> listener;
    bool inbound = false;
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
    ::pthread_setname_np(::pthread_self(), ("wrk:worker_" + std::to_string(index_)).substr(0, 15).c_str());
    build();
    setting_.main_loop.post(std::move(built_));
    loop_.run();
    parts_.clear();
    clusters_.reset();
    empty_ = nullptr;
}

void Worker::build() {
    clusters_ = setting_.clusters.make_worker(loop_, index_);
    for (const ListenerPlan& plan : setting_.plans) {
        const config::ListenerConfig& config = *plan.config;
        auto part = std::make_unique<Part>();
        part->inbound = plan.inbound();
        part->router = router::make_router(config.http, plan.routes, plan.router_stats, *clusters_);
        part->log = std::make_unique<access_log::Logger>(loop_, config.http->access_logs, plan.log_files);
        part->connections =
            std::make_unique<connection_manager::ConnectionSet>(connection_manager::ConnectionManagerConfig{
                .loop = loop_,
                .http = config.http,
                .stats = plan.stats[index_],
                .handlers = *part->router,
                .access_log = *part->log,
                .drain = {setting_.drain, plan.inbound(),
                          config.drain_type == config::ListenerConfig::DrainType::modify_only},
                .random = random_,
                .own_address = setting_.own_address,
                .listen_address = plan.socket.bound,
                .buffer_limit_bytes = config.per_connection_buffer_limit_bytes,
                .filter_chain_name = config.filter_chain_name});
        part->connections->on_change([this](int change) { on_connection_change(change); });
        const std::vector<int> all = plan.socket.fds();
        const listener::ShardChoice choice = listener::choose_shards(all.size(), index_, setting_.workers);
        std::vector<int> mine;
        for (const size_t shard : choice.shards) mine.push_back(all[shard]);
        part->listener =
            std::make_unique<listener::Listener>(loop_, config.name, mine, choice.shared, *part->connections, reserve_);
        parts_.push_back(std::move(part));
    }
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

void Worker::drain(std::function<void()> empty) {
    post([this, empty = std::move(empty)] {
        empty_ = empty;
        clusters_->close_idle();
        for (const auto& part : parts_) part->connections->announce_drain();
    });
}

void Worker::announce_close() {
    post([this] {
        for (const auto& part : parts_) part->connections->announce_close();
    });
}

void Worker::close_idle() {
    post([this] {
        for (const auto& part : parts_) part->connections->close_idle();
    });
}

void Worker::stop() {
    if (std::exchange(stopping_, true) || !thread_.joinable()) return;
    post([this] {
        empty_ = nullptr;
        for (const auto& part : parts_) {
            part->listener->stop();
            part->connections->close_now();
        }
        loop_.stop();
    });
}

void Worker::join() {
    if (thread_.joinable()) thread_.join();
}

}  // namespace heirloom::server
