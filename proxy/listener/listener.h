// SPDX-License-Identifier: Apache-2.0
// Listener: accepts on the shards of one address for one worker. Shards are listening sockets that somebody else owns
// (the supervisor, or the server when it runs alone); here they are only polled. Belongs to the worker's thread.
//
// Worker w of W polls the shards with index mod W = w. Where shards are fewer than workers they are shared: worker w
// polls shard w mod S, and the kernel wakes one of them (EPOLLEXCLUSIVE).
//
// Level-triggered, one accept per event: a connect that waits is reported again, so no accept is known to be in vain.
// Out of descriptors or memory: stops polling, tries again by timer, never spins; the connects wait in the shard.
//
// An accepted connection goes through the listener filters, where there are any, then to the filter chain that it
// matches; without filters and with one chain for all that is one call.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "proxy/listener/connection_limits.h"
#include "proxy/listener/fd_reserve.h"
#include "proxy/listener/filter_chain.h"
#include "proxy/listener/filter_chain_match.h"
#include "proxy/listener/listener_filters.h"
#include "proxy/listener/listener_stats.h"
#include "proxy/listener/refusal_log.h"
#include "proxy/network/event_loop.h"

namespace heirloom::listener {

// Which shards worker `worker` of `workers` polls, by index; `shared`: others poll them too.
struct ShardChoice {
    std::vector<size_t> shards;
    bool shared = false;
};
ShardChoice choose_shards(size_t shard_count, uint32_t worker, uint32_t workers);

class Listener {
  public:
    struct Setting {
        std::string name;         // for the log
        std::vector<int> shards;  // descriptors, non-blocking, valid until stop()
        bool shared = false;      // ShardChoice
        std::vector<FilterChain> chains;
        ListenerStats stats;
        std::shared_ptr<const FilterChainMatcher> matcher{};  // null: the first chain takes everything
        shm::SocketAddress address{};                         // as bound; for the matcher
        const config::ListenerConfig* filters = nullptr;      // has listener filters; null: none. Outlives the listener
        ListenerFilterStats filter_stats{};
        access_log::Logger* log = nullptr;  // of connections that come to no chain; null: none. Outlives the listener
        ConnectionLimits limits{};
    };
    // `reserve` outlives this.
    Listener(network::EventLoop& loop, FdReserve& reserve, Setting setting);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // False: the loop does not take a shard (out of descriptors or memory); then none is polled.
    bool start();
    // No connection is accepted after this returns; what was accepted goes on to its chain. Idempotent.
    void stop();
    bool polling() const { return polling_; }
    bool paused() const { return retry_.armed(); }
    // Connections that listener filters look into: called when one begins (+1) and when it has ended (-1).
    void on_change(std::function<void(int)> callback);
    // Ends those that sent nothing yet, or all.
    void close_idle();
    void close_now();
    // For connections that are accepted from now on.
    void set_tls(size_t chain, std::shared_ptr<const tls::ServerContext> context);

  private:
    struct Shard final : network::IoHandler {
        Listener* listener = nullptr;
        int fd = -1;
        bool watched = false;
        void on_io(uint32_t) override { listener->accept_one(fd); }
    };

    static void on_retry(void* self);
    bool watch();
    void unwatch();
    void accept_one(int fd);
    void choose_chain(Inspected inspected);
    shm::SocketAddress destination_of(const network::AcceptedConnection& accepted) const;
    void hand_over(const FilterChain& chain, network::AcceptedConnection accepted);
    void pause(int error);

    network::EventLoop& loop_;
    FdReserve& reserve_;
    const std::string name_;
    const bool shared_;
    std::vector<FilterChain> chains_;
    const ListenerStats stats_;
    const ConnectionLimits limits_;
    const std::shared_ptr<const FilterChainMatcher> matcher_;
    const shm::SocketAddress address_;
    RefusalLog refusals_;
    std::unique_ptr<ListenerFilters> filters_;  // null: none
    std::vector<Shard> shards_;
    network::Timer retry_{&Listener::on_retry, this};
    bool polling_ = false;
    std::chrono::steady_clock::time_point last_warning_{};
};

}  // namespace heirloom::listener
