// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "proxy/stats/quantiles.h"
#include "proxy/stats/render.h"

namespace heirloom::stats {

namespace {

std::string number(double value) { return std::isnan(value) ? "nan" : fmt::format("{}", value); }

void append_summary(std::string& out, const HistogramReading& histogram) {
    std::string_view separator;
    for (const double percent : kQuantiles) {
        fmt::format_to(std::back_inserter(out), "{}P{}({},{})", separator, percent,
                       number(quantile(histogram.bounds, histogram.interval, percent)),
                       number(quantile(histogram.bounds, histogram.total, percent)));
        separator = " ";
    }
}

void append_buckets(std::string& out, const HistogramReading& histogram, bool disjoint) {
    const std::vector<Bucket> total = buckets(histogram.bounds, histogram.total, histogram.buckets);
    const std::vector<Bucket> interval = buckets(histogram.bounds, histogram.interval, histogram.buckets);
    uint64_t total_before = 0, interval_before = 0;
    for (size_t i = 0; i < total.size(); ++i) {
        if (i != 0) out.push_back(' ');
        fmt::format_to(std::back_inserter(out), "B{:g}({},{})", total[i].upper_bound,
                       interval[i].cumulative - interval_before, total[i].cumulative - total_before);
        if (!disjoint) continue;
        total_before = total[i].cumulative;
        interval_before = interval[i].cumulative;
    }
}

void append_bins(std::string& out, const HistogramReading& histogram, const shm::HistogramSnapshot& snapshot) {
    std::string_view separator;
    for (const Bin& bin : filled_bins(histogram.bounds, snapshot)) {
        fmt::format_to(std::back_inserter(out), "{}{:g},{:g}:{}", separator, bin.lower_bound, bin.width, bin.count);
        separator = ", ";
    }
}

void append_details(std::string& out, const HistogramReading& histogram) {
    out.append("\n  totals=");
    append_bins(out, histogram, histogram.total);
    out.append("\n  intervals=");
    append_bins(out, histogram, histogram.interval);
    out.append("\n  summary=");
    append_summary(out, histogram);
}

}  // namespace

void render_text(std::string& out, std::span<const Reading> readings, HistogramView view) {
    for (const Reading& reading : readings) {
        out.append(reading.name);
        if (reading.histogram && reading.histogram->total.count != 0 && view == HistogramView::detailed) {
            append_details(out.append(":"), *reading.histogram);
            out.push_back('\n');
            continue;
        }
        out.append(": ");
        if (!reading.histogram) {
            fmt::format_to(std::back_inserter(out), "{}", reading.value);
        } else if (reading.histogram->total.count == 0) {
            out.append("No recorded values");
        } else if (view == HistogramView::summary) {
            append_summary(out, *reading.histogram);
        } else {
            append_buckets(out, *reading.histogram, view == HistogramView::disjoint);
        }
        out.push_back('\n');
    }
}

}  // namespace heirloom::stats
