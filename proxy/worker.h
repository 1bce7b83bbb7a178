// SPDX-License-Identifier: Apache-2.0
// Worker: one thread with its event loop and everything it serves with: clusters, and per listener shards, and per
// filter chain routes, log and connections. Nothing here is touched by another thread; the main thread asks by post.
// Each function below is called on the main thread and, where it takes `done`, answers there.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/connection_manager/random.h"
#include "proxy/handover/drain_manager.h"
#include "proxy/listener/listener.h"
#include "proxy/listener_plan.h"
#include "proxy/network/event_loop.h"
#include "proxy/runtime/table.h"
#include "proxy/upstream/cluster_manager.h"

namespace heirloom::server {

class Worker {
  public:
    struct Setting {
        network::EventLoop& main_loop;
        upstream::ClusterManager& clusters;
        const std::vector<ListenerPlan>& plans;
        const handover::DrainManager& drain;
        shm::Cell* row;
        stats::ValueLog* values;  // null: nobody asks for single values
        uint32_t workers;
        std::string own_address;
        std::shared_ptr<const runtime::Table> runtime;
    };

    Worker(uint32_t index, Setting setting);
    ~Worker();  // stop(), join()

    // False: the kernel gives no thread or no descriptors. `done` when all parts are made.
    bool start(std::function<void()> done);
    // `done(false)`: a shard could not be watched.
    void start_polling(std::function<void(bool)> done);
    void stop_polling(bool inbound_only, std::function<void()> done);
    // For connections that are accepted from now on; by position in the plans.
    void set_tls(size_t listener, size_t chain, std::shared_ptr<const tls::ServerContext> context);
    void set_runtime(std::shared_ptr<const runtime::Table> table);
    // The generation drains: idle upstream connections go, HTTP/2 clients hear of it; `empty` is called each time the
    // last connection has ended.
    void drain(std::function<void()> empty);
    // /drain_listeners?graceful: HTTP/2 clients hear of it; nothing else changes.
    void announce_drain(bool inbound_only);
    // The order of an end: see ConnectionManager.
    void announce_close();
    void close_idle();
    void cut();
    // Cuts what is left and ends the thread. Idempotent.
    void stop();
    void join();

    // Connections of all listeners; any thread.
    uint64_t active_connections() const { return active_.load(std::memory_order_relaxed); }

  private:
    struct Chain;
    struct Part;
    void run();
    void build();
    std::unique_ptr<Part> make_part(const ListenerPlan& plan);
    std::unique_ptr<Chain> make_chain(const ListenerPlan& plan, const ChainPlan& chain,
                                      access_log::Logger* listener_log);
    void serve_http(Chain& made, const ListenerPlan& plan, const ChainPlan& chain, access_log::Logger* listener_log);
    void serve_tcp(Chain& made, const ListenerPlan& plan, const ChainPlan& chain, access_log::Logger* listener_log);
    void on_connection_change(int change);
    void post(std::function<void()> task) { loop_.post(std::move(task)); }

    const uint32_t index_;
    const Setting setting_;
    network::EventLoop loop_;
    std::thread thread_;
    std::function<void()> built_;
    std::atomic<uint64_t> active_{0};
    bool stopping_ = false;  // main thread

    // The worker's own.
    std::shared_ptr<const runtime::Table> runtime_;
    std::unique_ptr<upstream::WorkerClusters> clusters_;
    connection_manager::Random random_;
    listener::FdReserve reserve_;
    std::vector<std::unique_ptr<Part>> parts_;
    std::function<void()> empty_;
};

}  // namespace heirloom::server
