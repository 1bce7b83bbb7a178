// SPDX-License-Identifier: Apache-2.0
// TicketRing: random keys for TLS session tickets (RFC 5077), newest first: the first seals, all open. The supervisor
// has one and sends it to its generations (message ticket_keys); a proxy that runs alone has its own. Keys are wiped
// when they leave the ring and never logged. Single-threaded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shm/messages.pb.h"
#include "shm/result.h"

namespace heirloom::shm {

class TicketRing {
  public:
    static constexpr size_t kKeyBytes = 80;  // name 16, HMAC-SHA256 32, AES-256 32
    static constexpr size_t kMostKeys = 3;   // a ticket is good until its key has been replaced for the third time
    using Key = std::array<uint8_t, kKeyBytes>;

    TicketRing() = default;
    ~TicketRing() { clear(); }
    TicketRing(const TicketRing&) = delete;
    TicketRing& operator=(const TicketRing&) = delete;

    std::span<const Key> keys() const { return {keys_.data(), count_}; }
    // A new random key in front; the oldest goes when there are more than kMostKeys. Error: the system gives no random
    // bytes, the ring is as before.
    Status rotate();
    // REQUIRES: at most kMostKeys.
    void assign(std::span<const Key> keys);
    void clear();

    // As a message. It holds copies: wipe() it.
    proto::Message to_message() const;

  private:
    std::array<Key, kMostKeys> keys_{};
    size_t count_ = 0;
};

// Overwrites the keys that a message holds; other messages are left alone.
void wipe(proto::Message& message);

}  // namespace heirloom::shm
