// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "proxy/stats/quantiles.h"
#include "proxy/stats/render.h"
#include "proxy/stats/tags.h"

namespace heirloom::stats {

namespace {

struct Sample {
    const Reading* reading;
    TaggedName tagged;
};

void append_sanitized(std::string& out, std::string_view dotted) {
    for (const char c : dotted) {
        const bool kept = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        out.push_back(kept ? c : '_');
    }
}

std::string labels_of(const TaggedName& tagged) {
    std::string labels;
    for (const Tag& tag : tagged.tags) {
        if (!labels.empty()) labels.push_back(',');
        append_sanitized(labels, tag.name);
        labels.append("=\"");
        for (const char c : tag.value) {
            if (c == '\n') {
                labels.append("\\n");
                continue;
            }
            if (c == '\\' || c == '"') labels.push_back('\\');
            labels.push_back(c);
        }
        labels.push_back('"');
    }
    return labels;
}

void append_buckets(std::string& out, const std::string& name, const std::string& labels,
                    const HistogramReading& histogram) {
    const std::string_view comma = labels.empty() ? "" : ",";
    for (const Bucket& bucket : buckets(histogram.bounds, histogram.total, histogram.buckets)) {
        fmt::format_to(std::back_inserter(out), "{}_bucket{{{}{}le=\"{:.32g}\"}} {}\n", name, labels, comma,
                       bucket.upper_bound, bucket.cumulative);
    }
    fmt::format_to(std::back_inserter(out), "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", name, labels, comma,
                   histogram.total.count);
}

void append_quantiles(std::string& out, const std::string& name, const std::string& labels,
                      const HistogramReading& histogram) {
    const std::string_view comma = labels.empty() ? "" : ",";
    for (const double percent : kQuantiles) {
        fmt::format_to(std::back_inserter(out), "{}{{{}{}quantile=\"{}\"}} {:.32g}\n", name, labels, comma,
                       percent / 100, quantile(histogram.bounds, histogram.interval, percent));
    }
}

void append_histogram(std::string& out, const std::string& name, const std::string& labels,
                      const HistogramReading& histogram, HistogramView view) {
    if (view == HistogramView::summary) {
        append_quantiles(out, name, labels, histogram);
    } else {
        append_buckets(out, name, labels, histogram);
    }
    const shm::HistogramSnapshot& shown = view == HistogramView::summary ? histogram.interval : histogram.total;
    fmt::format_to(std::back_inserter(out), "{}_sum{{{}}} {:.32g}\n{}_count{{{}}} {}\n", name, labels, shown.sum, name,
                   labels, shown.count);
}

std::string_view type_of(Reading::Kind kind, HistogramView view) {
    switch (kind) {
        case Reading::Kind::counter:
            return "counter";
        case Reading::Kind::gauge:
            return "gauge";
        case Reading::Kind::histogram:
            return view == HistogramView::summary ? "summary" : "histogram";
    }
    return "untyped";
}

}  // namespace

void render_prometheus(std::string& out, std::span<const Reading> readings, HistogramView view, const Rules& rules) {
    std::vector<Sample> samples;
    samples.reserve(readings.size());
    for (const Reading& reading : readings) samples.push_back({&reading, extract_tags(reading.name, rules)});
    // By kind, then by extracted name; the readings came sorted by full name, and that order stays within a group.
    std::stable_sort(samples.begin(), samples.end(), [](const Sample& a, const Sample& b) {
        return a.reading->kind != b.reading->kind ? a.reading->kind < b.reading->kind : a.tagged.name < b.tagged.name;
    });
    const Sample* group = nullptr;
    std::string name;
    for (const Sample& sample : samples) {
        if (!group || group->reading->kind != sample.reading->kind || group->tagged.name != sample.tagged.name) {
            group = &sample;
            name = "envoy_";
            append_sanitized(name, sample.tagged.name);
            fmt::format_to(std::back_inserter(out), "# TYPE {} {}\n", name, type_of(sample.reading->kind, view));
        }
        const std::string labels = labels_of(sample.tagged);
        if (sample.reading->histogram) {
            append_histogram(out, name, labels, *sample.reading->histogram, view);
        } else {
            fmt::format_to(std::back_inserter(out), "{}{{{}}} {}\n", name, labels, sample.reading->value);
        }
    }
}

}  // namespace heirloom::stats
