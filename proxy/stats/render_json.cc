// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "proxy/stats/quantiles.h"
#include "proxy/stats/render.h"

namespace heirloom::stats {

namespace {

void write_percents(JsonWriter& json) {
    json.begin_array();
    for (const double percent : kQuantiles) json.real(percent);
    json.end_array();
}

void write_quantiles(JsonWriter& json, const HistogramReading& histogram) {
    json.begin_array();
    for (const double percent : kQuantiles) {
        json.begin_object();
        json.key("cumulative");
        json.real(quantile(histogram.bounds, histogram.total, percent));
        json.key("interval");
        json.real(quantile(histogram.bounds, histogram.interval, percent));
        json.end_object();
    }
    json.end_array();
}

void write_bins(JsonWriter& json, std::span<const double> bounds, const shm::HistogramSnapshot& snapshot) {
    json.begin_array();
    for (const Bin& bin : filled_bins(bounds, snapshot)) {
        json.begin_object();
        json.key("lower_bound");
        json.real(bin.lower_bound);
        json.key("width");
        json.real(bin.width);
        json.field("count", bin.count);
        json.end_object();
    }
    json.end_array();
}

void write_details(JsonWriter& json, std::span<const Reading> histograms) {
    json.begin_object();
    json.key("supported_percentiles");
    write_percents(json);
    json.key("details");
    json.begin_array();
    for (const Reading& reading : histograms) {
        json.begin_object();
        json.field("name", reading.name);
        json.key("totals");
        write_bins(json, reading.histogram->bounds, reading.histogram->total);
        json.key("intervals");
        write_bins(json, reading.histogram->bounds, reading.histogram->interval);
        json.key("percentiles");
        write_quantiles(json, *reading.histogram);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write_summaries(JsonWriter& json, std::span<const Reading> histograms) {
    json.begin_object();
    json.key("supported_quantiles");
    write_percents(json);
    json.key("computed_quantiles");
    json.begin_array();
    for (const Reading& reading : histograms) {
        json.begin_object();
        json.field("name", reading.name);
        json.key("values");
        write_quantiles(json, *reading.histogram);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

std::vector<Bucket> buckets_of(const HistogramReading& histogram, const shm::HistogramSnapshot& snapshot) {
    return buckets(histogram.bounds, snapshot, histogram.buckets);
}

void write_buckets(JsonWriter& json, std::span<const Reading> histograms, bool disjoint) {
    json.begin_array();
    for (const Reading& reading : histograms) {
        json.begin_object();
        json.field("name", reading.name);
        json.key("buckets");
        json.begin_array();
        const std::vector<Bucket> total = buckets_of(*reading.histogram, reading.histogram->total);
        const std::vector<Bucket> interval = buckets_of(*reading.histogram, reading.histogram->interval);
        for (size_t i = 0; i < total.size(); ++i) {
            const bool subtract = disjoint && i > 0;
            json.begin_object();
            json.key("upper_bound");
            json.real(total[i].upper_bound);
            json.field("interval", interval[i].cumulative - (subtract ? interval[i - 1].cumulative : 0));
            json.field("cumulative", total[i].cumulative - (subtract ? total[i - 1].cumulative : 0));
            json.end_object();
        }
        json.end_array();
        json.end_object();
    }
    json.end_array();
}

}  // namespace

void render_json(std::string& out, std::span<const Reading> readings, HistogramView view, JsonWriter::Style style) {
    const auto first_histogram =
        std::find_if(readings.begin(), readings.end(), [](const Reading& reading) { return bool(reading.histogram); });
    const auto plain = static_cast<size_t>(first_histogram - readings.begin());
    const std::span<const Reading> histograms = readings.subspan(plain);

    JsonWriter json(out, style);
    json.begin_object();
    json.key("stats");
    json.begin_array();
    for (const Reading& reading : readings.first(plain)) {
        json.begin_object();
        json.field("name", reading.name);
        json.field("value", reading.value);
        json.end_object();
    }
    if (!histograms.empty()) {
        json.begin_object();
        json.key("histograms");
        switch (view) {
            case HistogramView::summary:
                write_summaries(json, histograms);
                break;
            case HistogramView::cumulative:
            case HistogramView::disjoint:
                write_buckets(json, histograms, view == HistogramView::disjoint);
                break;
            case HistogramView::detailed:
                write_details(json, histograms);
                break;
        }
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

}  // namespace heirloom::stats
