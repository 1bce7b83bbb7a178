// SPDX-License-Identifier: Apache-2.0
// What the segment holds, as the admin interface shows it: named, filtered, sorted. Main thread.
//
// One thing is this process's own and not in the segment: the histograms of the last flush interval.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/stats/rules.h"
#include "shm/segment.h"

namespace heirloom::stats {

struct HistogramReading {
    std::span<const double> bounds;   // of the bins
    std::span<const double> buckets;  // configured ones; empty: Envoy's
    shm::HistogramSnapshot total;
    shm::HistogramSnapshot interval;  // of the last flush interval that is over; count 0 when nothing was recorded
};

struct Reading {
    enum class Kind { counter, gauge, histogram };
    std::string name;
    Kind kind;
    uint64_t value = 0;                           // counter, gauge
    std::shared_ptr<HistogramReading> histogram;  // histogram
};

struct ReportOptions {
    bool counters = true, gauges = true, histograms = true;
    // Only what was written. A gauge always counts as written: a cell that holds 0 does not say whether it was.
    bool used_only = false;
    std::function<bool(std::string_view)> matches;  // empty: all
};

class Report {
  public:
    // `rules`: what they reject is not shown, also when an older generation has counted it.
    explicit Report(shm::Segment& segment, const Rules& rules = default_rules()) : segment_(segment), rules_(rules) {}

    // Counters and gauges by name, then histograms by name. Counters by code are there once they are not zero, and so
    // are the stats that Envoy makes at first use (`cluster.x.upstream_rq_5xx`, `_completed`, `_time`).
    std::vector<Reading> read(const ReportOptions& options) const;
    // A flush interval is over.
    void flush();
    const Rules& rules() const { return rules_; }

  private:
    struct Baseline {
        shm::HistogramSnapshot at_flush;
        shm::HistogramSnapshot interval;
    };
    void read_counter(std::vector<Reading>& out, const ReportOptions& options, std::string name, uint32_t slot) const;
    void read_codes(std::vector<Reading>& out, const ReportOptions& options, const shm::StatInfo& info) const;
    void read_histogram(std::vector<Reading>& out, const ReportOptions& options, const shm::StatInfo& info) const;

    bool is_wanted(const ReportOptions& options, std::string_view name) const;

    shm::Segment& segment_;
    const Rules& rules_;
    std::unordered_map<uint32_t, Baseline> histograms_;  // by first slot; those that recorded something
    bool flushed_ = false;                               // since when one that is not there has recorded nothing
};

}  // namespace heirloom::stats
