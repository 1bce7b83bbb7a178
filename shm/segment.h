// SPDX-License-Identifier: Apache-2.0
// The statistics segment: one sealed sparse memfd that holds every number of every generation (docs/shm-layout.md).
//
//   owner      heirloomd, or a proxy that runs alone: creates it, registers names, claims generation slots, folds the
//   dead. generation attaches read-write and writes only the cells of its own generation slot, one row per thread.
//   observer   heirloomctl, other generations: reads.
//
// A counter is its tombstone plus all rows; a gauge the sum over living generations; a histogram is cells too: the bins
// (bounds + 1), then the sum (an integer), then the count. No locks: one writer per cell, relaxed stores. The owner
// folds a dead generation under a sequence number, so no reader counts twice or loses. The owner never trusts what a
// generation may have written: every index is checked.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shm/result.h"
#include "shm/unique_fd.h"

namespace heirloom::shm {

enum class StatKind : uint32_t {
    counter = 1,
    gauge = 2,
    histogram = 3,
    // 500 counters, shown as NAME + code (100..599) where not zero: `cluster.x.upstream_rq_` ->
    // `cluster.x.upstream_rq_503`.
    counter_by_code = 4,
};
inline constexpr uint32_t kCodeSlots = 500;  // counter_by_code: cell of code c is first_slot + (c - 100)

// Names of the generation states, in the order of life (docs/handover.md). Written to the segment; never renumber.
enum class GenerationState : uint32_t {
    none = 0,
    spawned = 1,
    initializing = 2,
    ready = 3,
    live = 4,
    draining = 5,
    exited = 6,
    failed = 7,
};
std::string_view name_of(GenerationState state);

using Cell = std::atomic<uint64_t>;

struct SegmentOptions {
    uint32_t generation_slots = 16;  // generations that may exist at once
    uint32_t rows = 257;             // threads per generation: row 0 is the main thread, row 1.. the workers
    uint32_t stat_slots = 1u << 23;  // cells per row; a cluster takes some 1,500
};

struct StatInfo {
    std::string_view name;  // lives as long as the mapping
    StatKind kind;
    uint32_t first_slot;
    uint32_t slot_count;
    std::span<const double> bounds;  // histogram: upper bounds of its bins, rising; the last bin is +Inf (not listed)
};

// One row of the generation table, as read.
struct GenerationInfo {
    uint32_t slot;
    uint32_t epoch;
    int32_t pid;
    GenerationState state;
    uint64_t start_time_ms;       // wall clock, since the Unix epoch
    uint64_t state_since_ms;      // wall clock
    uint64_t active_connections;  // downstream; kept by the generation
    uint32_t concurrency;
    std::string version;
};

struct HistogramSnapshot {
    std::vector<uint64_t> bins;  // bounds.size() + 1
    uint64_t count = 0;
    double sum = 0;
};

class Segment {
  public:
    // Makes a new segment and becomes its owner.
    static Result<std::shared_ptr<Segment>> create(const SegmentOptions& options = {});
    // Maps an existing one; checks magic, layout version, size and seals. `writable` for generations and a re-adopting
    // owner.
    static Result<std::shared_ptr<Segment>> attach(UniqueFd fd, bool writable);
    ~Segment();
    Segment(const Segment&) = delete;
    Segment& operator=(const Segment&) = delete;

    int fd() const;
    const SegmentOptions& shape() const;
    uint64_t created_ms() const;  // wall clock: start of the first epoch (uptime_all_epochs)
    uint32_t layout_version() const;

    // --- owner only -------------------------------------------------------------------------------------------------
    // Single-threaded. Who attached becomes the owner by adopt(), or by the first of the calls below.
    // Takes over from an owner that died: reads everything back, checks it and finishes a fold that was interrupted.
    // REQUIRES: attached as writable, no other owner alive. Error: the segment is damaged; it can still be read.
    Status adopt();
    // Idempotent by name: the same name and kind gives the same slot (a histogram keeps the bounds it has). Errors:
    // other kind, table full, name empty, over 1 KiB or with control characters. `bounds`: histogram only, rising and >
    // 0; empty = default_bounds(). Cells of a histogram: bins (bin i: value <= bounds[i]; one more for the rest), sum,
    // count.
    Result<uint32_t> register_stat(std::string_view name, StatKind kind, std::span<const double> bounds = {});
    // Takes a free slot for a new generation, with all its rows zero; rows 0..concurrency will count. Errors: all slots
    // are taken (retriable), more threads than rows.
    Result<uint32_t> claim_generation(uint32_t epoch, uint32_t concurrency);
    // Published after the state holds. pid and version are set when known (0 / empty leave them).
    void set_generation(uint32_t slot, GenerationState state, int32_t pid = 0, std::string_view version = {});
    // The generation in this slot is dead (the kernel said so): counters and histograms go to the tombstone, gauges are
    // dropped, the slot is free again. May be repeated; does nothing for a free slot.
    void fold_generation(uint32_t slot);
    // All counters start again at 0, also for the generations that run; gauges and histograms stay.
    void reset_counters();
    // Adds to a counter of the owner's own (it has no rows): straight into the tombstone. Ignores a slot out of range.
    void owner_add(uint32_t slot, uint64_t n);
    // Ownership map, for observers: which epoch polls shard i of a socket (canonical name, socket_store). Holds 1024
    // sockets of 1024 shards; what is beyond is not shown.
    void publish_shards(std::string_view socket_name, std::span<const uint32_t> epoch_of_shard);
    void forget_shards(std::string_view socket_name);

    // --- generation
    // --------------------------------------------------------------------------------------------------- First cell of
    // this thread's row. REQUIRES: attached as writable, generation_slot and row within shape().
    Cell* row(uint32_t generation_slot, uint32_t row);
    void set_active_connections(uint32_t generation_slot, uint64_t n);

    // --- observer
    // ------------------------------------------------------------------------------------------------------
    // While one lives, counter(), gauge(), gauge_of() and histogram() leave pages alone on which nobody has counted
    // anything; else each look would turn them into memory. For a look at many stats: what a writer begins after it is
    // made may not be seen. One at a time, and only its thread reads meanwhile.
    class Survey {
      public:
        explicit Survey(const Segment& segment);
        ~Survey();
        Survey(const Survey&) = delete;
        Survey& operator=(const Survey&) = delete;

      private:
        const Segment& segment_;
    };
    size_t stat_count() const;
    // Of an entry that is damaged or beyond the end: no name, scratch slot 0; skip it.
    StatInfo stat(size_t index) const;
    // Consistent values while a fold may run (retries on the sequence number). A counter that only falls back is never
    // seen.
    uint64_t counter(uint32_t slot) const;
    uint64_t gauge(
        uint32_t slot) const;  // sum over living generations (two's complement: a cell may hold a negative part)
    uint64_t gauge_of(uint32_t generation_slot, uint32_t slot) const;
    HistogramSnapshot histogram(const StatInfo& info) const;
    std::vector<GenerationInfo> generations() const;  // those in a slot, by epoch
    struct Shards {
        std::string socket_name;
        std::vector<uint32_t> epoch_of_shard;
    };
    std::vector<Shards> shards() const;

    // Bins whose edges contain Envoy's default Prometheus bounds (0.5 1 5 10 25 ... 3600000), each gap cut in log-even
    // parts.
    static std::span<const double> default_bounds();

  private:
    Segment();
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace heirloom::shm
