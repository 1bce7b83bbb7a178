// SPDX-License-Identifier: Apache-2.0
// Signals as events on the io_context: HUP reload, TERM drain and stop, INT stop now, USR1 reopen log files; and for
// pid 1 of a container CHLD: orphans that were given to us are reaped, generations are left to their pidfd.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>

namespace heirloom::supervisor {

class Signals {
  public:
    struct Events {
        std::function<void()> on_reload, on_stop, on_stop_now, on_reopen_logs;
        // A child died: true when it is a generation, and has been reaped.
        std::function<bool(pid_t)> reap_generation;
    };
    // Also ignores SIGPIPE.
    Signals(boost::asio::io_context& io, Events events);
    void stop() { signals_.cancel(); }

  private:
    void wait();
    void reap_orphans();

    boost::asio::signal_set signals_;
    Events events_;
};

}  // namespace heirloom::supervisor
