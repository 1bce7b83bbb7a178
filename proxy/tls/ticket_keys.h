// SPDX-License-Identifier: Apache-2.0
// TicketKeys: the ring of keys that session tickets are sealed with (RFC 5077), shared by the contexts that use it and
// changed under them while they serve. One thread sets, any thread reads, nobody locks: a reader copies one key and
// looks whether the ring changed meanwhile. Keys are wiped when they are replaced.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "shm/result.h"

namespace heirloom::tls {

// 80 bytes in this order, as Envoy's configuration has them.
struct TicketKey {
    std::array<uint8_t, 16> name;  // goes in clear with the ticket
    std::array<uint8_t, 32> hmac;  // HMAC-SHA256
    std::array<uint8_t, 32> aes;   // AES-256-CBC
};

class TicketKeys {
  public:
    static constexpr size_t kKeyBytes = 80;
    static constexpr size_t kMostKeys = 16;

    TicketKeys() = default;
    ~TicketKeys();
    TicketKeys(const TicketKeys&) = delete;
    TicketKeys& operator=(const TicketKeys&) = delete;

    // Replaces the ring: the first key seals, all open. Each key has 80 bytes. No key: no tickets are given or taken.
    // Always the same thread. On an error the ring is as before.
    Status set(std::span<const std::string> keys);

    // The key that seals; nothing: no tickets.
    std::optional<TicketKey> sealing_key() const;
    struct Found {
        TicketKey key;
        bool current;  // it is the one that seals; else the client should get a new ticket
    };
    std::optional<Found> find(std::span<const uint8_t, 16> name) const;

  private:
    static constexpr size_t kWords = kKeyBytes / sizeof(uint64_t);
    using Words = std::array<std::atomic<uint64_t>, kWords>;
    bool read(size_t index, uint64_t version, TicketKey& key) const;

    std::atomic<uint64_t> version_{0};  // odd: a change is under way
    std::atomic<size_t> count_{0};
    std::array<Words, kMostKeys> keys_{};
};

}  // namespace heirloom::tls
