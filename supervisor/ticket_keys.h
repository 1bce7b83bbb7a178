// SPDX-License-Identifier: Apache-2.0
// The supervisor's ring of session ticket keys: made at start or adopted from systemd's fd store, so that TLS sessions
// resume over reloads, crashes and `systemctl restart`; rotated by time. On the supervisor's one thread.
//
// Kept in memory only. With `keep` also in a memfd of fixed size, for the fd store: one record, replaced by one write.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>

#include "shm/ticket_ring.h"
#include "shm/unique_fd.h"

namespace heirloom::supervisor {

class TicketKeys {
  public:
    static constexpr const char* kFdName = "heirloom-ticket-keys";  // in the fd store

    // `rotation` 0: never.
    TicketKeys(boost::asio::io_context& io, std::chrono::seconds rotation);

    // Before open(): the memfd of the last run. Error: damaged, of another version, or no such thing; nothing is taken.
    Status adopt(UniqueFd fd);
    // Makes what adopt() has not brought, catches up with the rotations that were due meanwhile, starts the timer.
    // `keep`: mirror the ring to fd(). Error: no random bytes or no memfd; then there are no keys, or they are not
    // kept.
    Status open(bool keep);

    // The memfd; -1: there is none.
    int fd() const { return file_.get(); }
    const shm::TicketRing& ring() const { return ring_; }
    // Called after each rotation by time.
    std::function<void()> on_rotation;

  private:
    Status rotate();
    Status save();
    void arm();

    shm::TicketRing ring_;
    const std::chrono::seconds rotation_;
    std::chrono::seconds rotated_at_{0};  // since boot, sleep included: the fd store lives no longer
    UniqueFd file_;
    boost::asio::steady_timer timer_;
};

}  // namespace heirloom::supervisor
