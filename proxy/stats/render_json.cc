// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "proxy/stats/quantiles.h"
#include "proxy/stats/render.h"

namespace heirloom::stats {

namespace {

void write_summaries(JsonWriter& json, std::span<const Reading> histograms) {
    json.begin_object();
    json.key("supported_quantiles");
    json.begin_array();
    for (const double percent : kQuantiles) json.real(percent);
    json.end_array();
    json.key("computed_quantiles");
    json.begin_array();
    for (const Reading& reading : histograms) {
        json.begin_object();
        json.field("name", reading.name);
        json.key("values");
        json.begin_array();
        for (const double percent : kQuantiles) {
            json.begin_object();
            json.key("cumulative");
            json.real(quantile(reading.histogram->bounds, reading.histogram->total, percent));
            json.key("interval");
            json.real(quantile(reading.histogram->bounds, reading.histogram->interval, percent));
            json.end_object();
        }
        json.end_array();
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

void write_buckets(JsonWriter& json, std::span<const Reading> histograms, bool disjoint) {
    json.begin_array();
    for (const Reading& reading : histograms) {
        json.begin_object();
        json.field("name", reading.name);
        json.key("buckets");
        json.begin_array();
        const std::vector<Bucket> total = buckets(reading.histogram->bounds, reading.histogram->total);
        const std::vector<Bucket> interval = buckets(reading.histogram->bounds, reading.histogram->interval);
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
        if (view == HistogramView::summary) {
            write_summaries(json, histograms);
        } else {
            write_buckets(json, histograms, view == HistogramView::disjoint);
        }
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

}  // namespace heirloom::stats
