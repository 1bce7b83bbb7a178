// SPDX-License-Identifier: Apache-2.0
// Listener: accepts on the shards of one address for one worker. Shards are listening sockets that somebody else owns
// (the supervisor, or the server when it runs alone); here they are only polled. Belongs to the worker's thread.
//
// Worker w of W polls the shards with index mod W = w. Where shards are fewer than workers they are shared: worker w
// polls shard w mod S, and the kernel wakes one of them (EPOLLEXCLUSIVE).
//
// Level-triggered, one accept per event: a connect that waits is reported again, so no accept is known to be in vain.
// Out of descriptors or memory: stops polling, tries again by timer, never spins; the connects wait in the shard.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proxy/connection_manager/connection_set.h"
#include "proxy/listener/fd_reserve.h"
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
    // `shards`: descriptors, non-blocking, valid until stop(). `connections`, `stats` and `reserve` outlive this.
    Listener(network::EventLoop& loop, std::string name, std::span<const int> shards, bool shared,
             connection_manager::ConnectionSet& connections, FdReserve& reserve);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // False: the loop does not take a shard (out of descriptors or memory); then none is polled.
    bool start();
    // No connection is accepted after this returns. Idempotent.
    void stop();
    bool polling() const { return polling_; }
    bool paused() const { return retry_.armed(); }

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
    void pause(int error);

    network::EventLoop& loop_;
    const std::string name_;
    const bool shared_;
    connection_manager::ConnectionSet& connections_;
    FdReserve& reserve_;
    std::vector<Shard> shards_;
    network::Timer retry_{&Listener::on_retry, this};
    bool polling_ = false;
    std::chrono::steady_clock::time_point last_warning_{};
};

}  // namespace heirloom::listener
