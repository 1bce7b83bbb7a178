// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/report.h"

#include <algorithm>

#include "shm/stat_names.h"

namespace heirloom::stats {

namespace {

using shm::HistogramSnapshot;
using shm::StatKind;

// Envoy makes these at the first request of a cluster; here they exist from the start and are not shown before it.
bool appears_at_first_use(std::string_view name) {
    if (!name.starts_with("cluster.") && !name.starts_with("vhost.")) return false;
    const std::string_view last = name.substr(name.rfind('.') + 1);
    if (!last.starts_with("upstream_rq_")) return false;
    const std::string_view what = last.substr(12);
    return what == "completed" || what == "time" || (what.size() == 3 && what.ends_with("xx"));
}

HistogramSnapshot difference(const HistogramSnapshot& now, const HistogramSnapshot& before) {
    HistogramSnapshot result = now;
    if (before.bins.size() != now.bins.size() || before.count > now.count) return result;
    result.count -= before.count;
    result.sum -= before.sum;
    for (size_t i = 0; i < result.bins.size(); ++i) result.bins[i] -= std::min(result.bins[i], before.bins[i]);
    return result;
}

}  // namespace

bool Report::is_wanted(const ReportOptions& options, std::string_view name) const {
    return (!options.matches || options.matches(name)) && rules_.accepts(name);
}

std::vector<Reading> Report::read(const ReportOptions& options) const {
    const shm::Segment::Survey survey(segment_);
    std::vector<Reading> result;
    const size_t count = segment_.stat_count();
    result.reserve(count);
    for (size_t i = 0; i < count; ++i) {
        const shm::StatInfo info = segment_.stat(i);
        if (shm::is_hidden_stat(info.name)) continue;
        switch (info.kind) {
            case StatKind::counter:
                if (options.counters) read_counter(result, options, std::string(info.name), info.first_slot);
                break;
            case StatKind::gauge:
                if (!options.gauges || !is_wanted(options, info.name)) break;
                result.push_back({std::string(info.name), Reading::Kind::gauge, segment_.gauge(info.first_slot), {}});
                break;
            case StatKind::histogram:
                if (options.histograms) read_histogram(result, options, info);
                break;
            case StatKind::counter_by_code:
                if (options.counters) read_codes(result, options, info);
                break;
        }
    }
    std::sort(result.begin(), result.end(), [](const Reading& a, const Reading& b) {
        const bool a_histogram = a.kind == Reading::Kind::histogram, b_histogram = b.kind == Reading::Kind::histogram;
        return a_histogram != b_histogram ? b_histogram : a.name < b.name;
    });
    return result;
}

void Report::read_counter(std::vector<Reading>& out, const ReportOptions& options, std::string name,
                          uint32_t slot) const {
    const uint64_t value = segment_.counter(slot);
    if (value == 0 && (options.used_only || appears_at_first_use(name))) return;
    if (!is_wanted(options, name)) return;
    out.push_back({std::move(name), Reading::Kind::counter, value, {}});
}

void Report::read_codes(std::vector<Reading>& out, const ReportOptions& options, const shm::StatInfo& info) const {
    for (uint32_t i = 0; i < shm::kCodeSlots; ++i) {
        const uint32_t slot = info.first_slot + i;
        if (segment_.counter(slot) == 0) continue;
        read_counter(out, options, std::string(info.name) + std::to_string(i + 100), slot);
    }
}

void Report::read_histogram(std::vector<Reading>& out, const ReportOptions& options, const shm::StatInfo& info) const {
    if (!is_wanted(options, info.name)) return;
    auto reading = std::make_shared<HistogramReading>();
    reading->bounds = info.bounds;
    reading->buckets = rules_.buckets_of(info.name);
    reading->total = segment_.histogram(info);
    if (reading->total.count == 0 && (options.used_only || appears_at_first_use(info.name))) return;
    if (const auto found = histograms_.find(info.first_slot); found != histograms_.end()) {
        reading->interval = found->second.interval;
    }
    reading->interval.bins.resize(reading->total.bins.size());
    out.push_back({std::string(info.name), Reading::Kind::histogram, 0, std::move(reading)});
}

void Report::flush() {
    const shm::Segment::Survey survey(segment_);
    for (size_t i = 0, count = segment_.stat_count(); i < count; ++i) {
        const shm::StatInfo info = segment_.stat(i);
        if (info.kind != StatKind::histogram) continue;
        HistogramSnapshot now = segment_.histogram(info);
        const auto found = histograms_.find(info.first_slot);
        if (found != histograms_.end()) {
            found->second.interval = difference(now, found->second.at_flush);
            found->second.at_flush = std::move(now);
        } else if (now.count != 0) {
            // The first flush has no interval before it: what older generations recorded is not of the last interval.
            histograms_.emplace(info.first_slot, Baseline{now, flushed_ ? now : HistogramSnapshot{}});
        }
    }
    flushed_ = true;
}

}  // namespace heirloom::stats
