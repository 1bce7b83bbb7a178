// SPDX-License-Identifier: Apache-2.0
// The listener's access log of connections that came to no filter chain: none matched, or a listener filter ended them.
// Worker's thread.
#pragma once

#include <chrono>
#include <string_view>

#include "proxy/access_log/access_log.h"
#include "proxy/network/accepted_connection.h"
#include "proxy/network/event_loop.h"

namespace heirloom::listener {

class RefusalLog {
  public:
    // `log`: null for none; else it outlives this.
    RefusalLog(network::EventLoop& loop, access_log::Logger* log, shm::SocketAddress listening)
        : loop_(loop), log_(log), listening_(listening) {}

    bool wanted() const { return log_ != nullptr; }
    void no_filter_chain(const network::AcceptedConnection& accepted, std::chrono::steady_clock::time_point start) {
        if (log_) log(accepted, start, true);
    }
    void ended_by_filter(const network::AcceptedConnection& accepted, std::chrono::steady_clock::time_point start) {
        if (log_) log(accepted, start, false);
    }

  private:
    void log(const network::AcceptedConnection& accepted, std::chrono::steady_clock::time_point start, bool unmatched);

    network::EventLoop& loop_;
    access_log::Logger* const log_;
    const shm::SocketAddress listening_;
};

}  // namespace heirloom::listener
