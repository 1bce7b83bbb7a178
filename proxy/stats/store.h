// SPDX-License-Identifier: Apache-2.0
// Stats as the proxy writes them: handles onto cells of the segment. add() is one relaxed load and store into the
// calling thread's own row: no lock, no allocation, no shared cache line.
//
// Names are registered at set-up (config load, cluster or listener creation), on the main thread, by the segment's
// owner: by message when a supervisor owns it, directly when the proxy runs alone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shm/segment.h"

namespace heirloom::stats {

struct Rules;    // rules.h
class ValueLog;  // value_log.h

namespace detail {
// Initial-exec: one load off the thread pointer, no call; constinit: no wrapper that checks for a constructor.
extern constinit thread_local shm::Cell* current_row [[gnu::tls_model("initial-exec")]];
extern constinit thread_local ValueLog* current_log [[gnu::tls_model("initial-exec")]];
}  // namespace detail

// The row of the calling thread; set once per thread before any handle is used (tests too).
void set_thread_row(shm::Cell* row);
inline shm::Cell* thread_row() { return detail::current_row; }
// Where the calling thread's histograms leave each value, besides their bins, for a sink; null: nowhere.
void set_thread_log(ValueLog* log);

class Counter {
  public:
    Counter() = default;
    explicit Counter(uint32_t slot) : slot_(slot) {}
    void add(uint64_t n = 1) const {
        shm::Cell& cell = thread_row()[slot_];
        cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    uint32_t slot() const { return slot_; }

  private:
    uint32_t slot_ = 0;  // slot 0 is a scratch cell that nobody shows
};

class Gauge {
  public:
    Gauge() = default;
    explicit Gauge(uint32_t slot) : slot_(slot) {}
    void add(int64_t n = 1) const {
        shm::Cell& cell = thread_row()[slot_];
        cell.store(cell.load(std::memory_order_relaxed) + static_cast<uint64_t>(n), std::memory_order_relaxed);
    }
    void sub(int64_t n = 1) const { add(-n); }
    // This thread's part; for gauges that only one thread writes.
    void set(uint64_t value) const { thread_row()[slot_].store(value, std::memory_order_relaxed); }
    uint32_t slot() const { return slot_; }

  private:
    uint32_t slot_ = 0;
};

// Cells from `first_slot`: bounds.size() + 1 bins, then the sum (integer), then the count. Bin i holds the values in
// (bounds[i - 1], bounds[i]].
class Histogram {
  public:
    Histogram() = default;
    Histogram(uint32_t first_slot, std::span<const double> bounds) : first_slot_(first_slot), bounds_(bounds) {}
    void record(uint64_t value) const;  // O(log bins); nothing when the histogram was refused

  private:
    uint32_t first_slot_ = 0;
    std::span<const double> bounds_;
};

// `cluster.x.upstream_rq_<code>`
class CodeCounter {
  public:
    CodeCounter() = default;
    explicit CodeCounter(uint32_t first_slot) : first_slot_(first_slot) {}
    void add(uint16_t code) const {
        if (first_slot_ != 0 && code >= 100 && code < 600) Counter(first_slot_ + code - 100u).add();
    }
    uint32_t first_slot() const { return first_slot_; }

  private:
    uint32_t first_slot_ = 0;  // 0: refused; add() does nothing
};

// Registers names. One batch is one round trip to the owner. Main thread only.
class Registrar {
  public:
    struct Spec {
        std::string name;
        shm::StatKind kind;
        std::vector<double> bounds;  // histogram; empty = default
    };
    // Slots in the order of `specs`; a refused one is slot 0 (scratch) and is logged.
    using Backend = std::function<std::vector<uint32_t>(std::span<const Spec>)>;

    // `segment` is read for bounds; `backend` asks the owner. registrar_for_owner(): when this process owns the
    // segment.
    Registrar(std::shared_ptr<shm::Segment> segment, Backend backend);
    static Registrar for_owner(std::shared_ptr<shm::Segment> segment);
    // Before anything is registered: names that are rejected get slot 0 without asking, histograms bins that end where
    // their buckets do.
    void use(std::shared_ptr<const Rules> rules) { rules_ = std::move(rules); }

    // Immediate (one round trip each): for few. Repeated names give the same slot without asking again.
    Counter counter(std::string_view name);
    Gauge gauge(std::string_view name);
    Histogram histogram(std::string_view name);
    CodeCounter code_counter(std::string_view prefix);  // the name ends in '_'
    // Announces many names; the calls above for them then cost nothing. Components call prefetch() with all their
    // names.
    void prefetch(std::vector<Spec> specs);
    // Lets go of the names asked for so far; one that comes again is asked for again. For the end of the start, after
    // which few more come: with thousands of clusters they are most of the memory.
    void forget_names() { known_ = {}; }

    shm::Segment& segment() { return *segment_; }

  private:
    struct Known {
        shm::StatKind kind;
        uint32_t slot;
    };
    uint32_t slot_of(std::string_view name, shm::StatKind kind);
    // Bounds of the histogram at `slot`, from the segment's schema; empty when there is none.
    std::span<const double> bounds_of(uint32_t slot);

    bool accepts(const Spec& spec) const;

    std::shared_ptr<shm::Segment> segment_;
    Backend backend_;
    std::shared_ptr<const Rules> rules_;  // null: none
    std::unordered_map<std::string, Known> known_;
    std::unordered_map<uint32_t, std::span<const double>> bounds_;  // by first slot
    size_t scanned_ = 0;                                            // entries of the schema that are in bounds_ already
};

// A struct of handles from one table line per stat. Use:
//   #define MY_STATS(COUNTER, GAUGE, HISTOGRAM) COUNTER(downstream_cx_total) GAUGE(downstream_cx_active) ...
//   struct MyStats { MY_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM) };
//   MyStats make_my_stats(Registrar& registrar, std::string prefix) {
//       HEIRLOOM_PREFETCH(registrar, prefix, MY_STATS)
//       return {MY_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};  // uses registrar,
//       prefix
//   }
#define HEIRLOOM_COUNTER(name) ::heirloom::stats::Counter name;
#define HEIRLOOM_GAUGE(name) ::heirloom::stats::Gauge name;
#define HEIRLOOM_HISTOGRAM(name) ::heirloom::stats::Histogram name;
#define HEIRLOOM_MAKE_COUNTER(name) registrar.counter(prefix + #name),
#define HEIRLOOM_MAKE_GAUGE(name) registrar.gauge(prefix + #name),
#define HEIRLOOM_MAKE_HISTOGRAM(name) registrar.histogram(prefix + #name),
#define HEIRLOOM_SPEC_COUNTER(name) {prefix + #name, ::heirloom::shm::StatKind::counter, {}},
#define HEIRLOOM_SPEC_GAUGE(name) {prefix + #name, ::heirloom::shm::StatKind::gauge, {}},
#define HEIRLOOM_SPEC_HISTOGRAM(name) {prefix + #name, ::heirloom::shm::StatKind::histogram, {}},
#define HEIRLOOM_PREFETCH(registrar, prefix, TABLE) \
    (registrar).prefetch({TABLE(HEIRLOOM_SPEC_COUNTER, HEIRLOOM_SPEC_GAUGE, HEIRLOOM_SPEC_HISTOGRAM)});

// ':' in addresses and names becomes '_' (Envoy's rule).
std::string sanitize(std::string_view part);

}  // namespace heirloom::stats
