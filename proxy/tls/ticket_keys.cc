// SPDX-License-Identifier: Apache-2.0
#include "proxy/tls/ticket_keys.h"

#include <cstring>

namespace heirloom::tls {

static_assert(sizeof(TicketKey) == TicketKeys::kKeyBytes);

TicketKeys::~TicketKeys() { (void)set({}); }

Status TicketKeys::set(std::span<const std::string> keys) {
    if (keys.size() > kMostKeys) {
        return Error{"session ticket keys: " + std::to_string(keys.size()) + " keys, at most " +
                     std::to_string(kMostKeys) + " are possible"};
    }
    for (const std::string& key : keys) {
        if (key.size() != kKeyBytes) {
            return Error{"session ticket keys: a key has " + std::to_string(key.size()) + " bytes, not 80"};
        }
    }
    const uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    // Release: who sees one of these words sees the odd version too.
    for (size_t i = 0; i < kMostKeys; ++i) {
        for (size_t word = 0; word < kWords; ++word) {
            uint64_t bits = 0;
            if (i < keys.size()) std::memcpy(&bits, keys[i].data() + word * sizeof(bits), sizeof(bits));
            keys_[i][word].store(bits, std::memory_order_release);
        }
    }
    count_.store(keys.size(), std::memory_order_release);
    version_.store(version + 2, std::memory_order_release);
    return Ok{};
}

// False when the ring changed meanwhile.
bool TicketKeys::read(size_t index, uint64_t version, TicketKey& key) const {
    uint64_t words[kWords];
    for (size_t word = 0; word < kWords; ++word) words[word] = keys_[index][word].load(std::memory_order_acquire);
    std::memcpy(&key, words, sizeof(key));
    return version_.load(std::memory_order_relaxed) == version;
}

std::optional<TicketKey> TicketKeys::sealing_key() const {
    for (;;) {
        const uint64_t version = version_.load(std::memory_order_acquire);
        if (version & 1) continue;
        const size_t count = count_.load(std::memory_order_acquire);
        TicketKey key;
        if (!read(0, version, key)) continue;
        if (count == 0) return std::nullopt;
        return key;
    }
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const uint8_t, 16> name) const {
    for (;;) {
        const uint64_t version = version_.load(std::memory_order_acquire);
        if (version & 1) continue;
        const size_t count = count_.load(std::memory_order_acquire);
        Found found{};
        bool changed = false;
        for (size_t i = 0; i < count && !changed; ++i) {
            changed = !read(i, version, found.key);
            found.current = i == 0;
            if (!changed && std::memcmp(found.key.name.data(), name.data(), name.size()) == 0) return found;
        }
        if (!changed && version_.load(std::memory_order_relaxed) == version) return std::nullopt;
    }
}

}  // namespace heirloom::tls
