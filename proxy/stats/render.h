// SPDX-License-Identifier: Apache-2.0
// Readings as text, JSON and in Prometheus' format, byte for byte as Envoy's admin interface prints them.
#pragma once

#include <span>
#include <string>

#include "proxy/stats/json_writer.h"
#include "proxy/stats/report.h"

namespace heirloom::stats {

enum class HistogramView { summary, cumulative, disjoint, detailed };

// `name: 12`, `name: P0(interval,cumulative) P25(..) ...`, `name: B0.5(interval,cumulative) ...`, `name: No recorded
// values`; detailed: three further lines with bins (`lower bound,width:count`) and the summary.
void render_text(std::string& out, std::span<const Reading> readings, HistogramView view);

// {"stats":[{"name":"x","value":1},...,{"histograms":...}]}
void render_json(std::string& out, std::span<const Reading> readings, HistogramView view, JsonWriter::Style style);

// `view`: cumulative gives buckets; summary gives the quantiles of the last interval. REQUIRES: one of these two.
void render_prometheus(std::string& out, std::span<const Reading> readings, HistogramView view,
                       const Rules& rules = default_rules());

}  // namespace heirloom::stats
