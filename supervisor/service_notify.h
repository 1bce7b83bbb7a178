// SPDX-License-Identifier: Apache-2.0
// What the supervisor tells systemd, and what it gets back from it: readiness, reloads, a status line, the watchdog,
// and the fd store that keeps sockets and numbers over `systemctl restart`. Without systemd every call does nothing.
// No call waits for systemd.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "shm/unique_fd.h"
#include "supervisor/notify_socket.h"

namespace heirloom::supervisor {

class ServiceNotify {
  public:
    // Starts the watchdog when systemd expects one: a sign of life at half of WATCHDOG_USEC.
    explicit ServiceNotify(boost::asio::io_context& io);

    bool is_enabled() const { return socket_.is_enabled(); }
    void ready();
    void reloading();
    void stopping();
    void status(const std::string& text);
    void store(const std::string& fd_name, const std::vector<int>& fds);
    void remove(const std::string& fd_name);

    struct Passed {
        UniqueFd fd;
        std::string name;
    };
    // LISTEN_FDS: from the fd store or a socket unit. Once; takes the variables out of the environment.
    static std::vector<Passed> take_passed();

  private:
    void feed_watchdog();

    NotifySocket socket_;
    std::string status_;
    std::chrono::microseconds watchdog_{0};
    boost::asio::steady_timer watchdog_timer_;
};

}  // namespace heirloom::supervisor
