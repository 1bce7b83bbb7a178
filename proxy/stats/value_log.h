// SPDX-License-Identifier: Apache-2.0
// ValueLog: the single values that one thread's histograms recorded, for sinks that want each of them. A ring with one
// writer (the thread) and one reader (the main thread): no lock, no allocation. When it is full, values are counted and
// dropped: their bins have them.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace heirloom::stats {

class ValueLog {
  public:
    struct Entry {
        uint32_t first_slot;  // of the histogram
        uint32_t value;       // cut to what fits
    };

    // `capacity`: a power of two.
    explicit ValueLog(size_t capacity) : entries_(capacity) {}

    void add(uint32_t first_slot, uint64_t value) {
        const uint64_t end = end_.load(std::memory_order_relaxed);
        if (end - begin_.load(std::memory_order_acquire) == entries_.size()) {
            dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
            return;
        }
        entries_[end & (entries_.size() - 1)] = {first_slot,
                                                 static_cast<uint32_t>(value <= UINT32_MAX ? value : UINT32_MAX)};
        end_.store(end + 1, std::memory_order_release);
    }

    // Main thread. Calls use(entry) for what is there.
    template <class Use>
    void take(Use use) {
        const uint64_t end = end_.load(std::memory_order_acquire);
        uint64_t begin = begin_.load(std::memory_order_relaxed);
        for (; begin != end; ++begin) use(entries_[begin & (entries_.size() - 1)]);
        begin_.store(begin, std::memory_order_release);
    }
    uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    std::vector<Entry> entries_;
    alignas(64) std::atomic<uint64_t> end_{0};  // the writer's
    std::atomic<uint64_t> dropped_{0};
    alignas(64) std::atomic<uint64_t> begin_{0};  // the reader's
};

}  // namespace heirloom::stats
