// SPDX-License-Identifier: Apache-2.0
// How many downstream connections there are, of the process and of one listener, over all workers. A connection is
// counted from the moment it is accepted until it is closed, or its object goes: by its ConnectionTicket. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace heirloom::network {

class ConnectionCount {
  public:
    // One more; how many there were before.
    uint64_t add() { return now_.fetch_add(1, std::memory_order_relaxed); }
    void remove() { now_.fetch_sub(1, std::memory_order_relaxed); }
    uint64_t now() const { return now_.load(std::memory_order_relaxed); }

  private:
    alignas(64) std::atomic<uint64_t> now_{0};
};

// Of one listener. `process` outlives it, and it outlives its connections.
struct ListenerCounts {
    explicit ListenerCounts(ConnectionCount* all) : process(all) {}
    ConnectionCount* const process;  // null: its connections do not count there
    ConnectionCount own;
};

// Counts one connection. Empty: none.
class ConnectionTicket {
  public:
    ConnectionTicket() = default;
    // Of one that both counts have already.
    explicit ConnectionTicket(ListenerCounts& counts) : counts_(&counts) {}
    ConnectionTicket(ConnectionTicket&& other) noexcept : counts_(std::exchange(other.counts_, nullptr)) {}
    ConnectionTicket& operator=(ConnectionTicket&& other) noexcept {
        std::swap(counts_, other.counts_);
        return *this;
    }
    ~ConnectionTicket() {
        if (!counts_) return;
        counts_->own.remove();
        if (counts_->process) counts_->process->remove();
    }

  private:
    ListenerCounts* counts_ = nullptr;
};

}  // namespace heirloom::network
