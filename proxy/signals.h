// SPDX-License-Identifier: Apache-2.0
// Signals as events of the main loop (signalfd). Main thread.
#pragma once

#include <functional>

#include "proxy/network/event_loop.h"
#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::server {

class Signals final : public network::IoHandler {
  public:
    // Blocks TERM, INT, HUP and USR1 in this thread and all it starts, and ignores PIPE. Call before any thread starts.
    static void block();

    // `on_signal` gets the number. Error: no descriptor left.
    static Result<std::unique_ptr<Signals>> watch(network::EventLoop& loop, std::function<void(int)> on_signal);
    ~Signals() override;

    void on_io(uint32_t events) override;

  private:
    Signals(network::EventLoop& loop, UniqueFd fd, std::function<void(int)> on_signal);

    network::EventLoop& loop_;
    UniqueFd fd_;
    std::function<void(int)> on_signal_;
};

}  // namespace heirloom::server
