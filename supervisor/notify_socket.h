// SPDX-License-Identifier: Apache-2.0
// NotifySocket: systemd's notification socket (sd_notify(3), "Standalone Implementations"), without its wait: sd_notify
// blocks while the service manager does not read, and the supervisor must not. What the socket does not take is kept in
// order and sent when it does; of what waits, a newer STATUS= or WATCHDOG= takes the place of the older.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "shm/unique_fd.h"

namespace heirloom::supervisor {

class NotifySocket {
  public:
    static constexpr size_t kMaxWaiting = 1024;  // messages; more are dropped, with one warning

    // `address` as in $NOTIFY_SOCKET: an absolute path, or '@' and an abstract name; anything else: says nothing.
    NotifySocket(boost::asio::io_context& io, std::string address);

    bool is_enabled() const { return !address_.empty(); }
    // Never waits. `fds` (below 253) stay the caller's.
    void send(const std::string& state, std::span<const int> fds = {});
    size_t waiting() const { return waiting_.size(); }

  private:
    struct Message {
        std::string state;
        std::vector<UniqueFd> fds;
    };
    enum class Outcome { sent, full, failed };

    bool connect();
    Outcome try_send(const std::string& state, std::span<const int> fds);
    void keep(const std::string& state, std::span<const int> fds);
    void wait();
    void send_waiting();

    std::string address_;
    boost::asio::posix::stream_descriptor socket_;
    std::deque<Message> waiting_;
    bool warned_ = false;
    bool dropping_ = false;
};

}  // namespace heirloom::supervisor
