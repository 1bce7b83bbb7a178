// SPDX-License-Identifier: Apache-2.0
// TicketKeyOwner: where this process's session ticket keys come from. Under a supervisor: from its messages. Without
// one, or with one that knows no such message, they are random and rotated here; after the supervisor is lost its last
// ring is rotated on. Main thread; what it fills is read by every worker.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "proxy/network/event_loop.h"
#include "proxy/tls/ticket_keys.h"
#include "shm/ticket_ring.h"

namespace heirloom::server {

class TicketKeyOwner {
  public:
    static constexpr std::chrono::hours kRotation{8};  // heirloomd's default

    // Begins with a random key. `loop` outlives it.
    explicit TicketKeyOwner(network::EventLoop& loop);

    // For contexts without configured keys.
    std::shared_ptr<const tls::TicketKeys> keys() const { return keys_; }
    // The supervisor's ring takes the place of ours; it is rotated there. Keys that are unusable are logged and left
    // out.
    void take(std::span<const std::string> keys);
    // Nobody else rotates any more.
    void on_supervisor_lost();

  private:
    static void on_timer(void* self);
    void rotate();

    network::EventLoop& loop_;
    shm::TicketRing ring_;
    std::shared_ptr<tls::TicketKeys> keys_ = std::make_shared<tls::TicketKeys>();
    network::Timer timer_{&TicketKeyOwner::on_timer, this};
};

}  // namespace heirloom::server
