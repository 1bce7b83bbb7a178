// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/paths.h"
#include "proxy/stats/render.h"

namespace heirloom::admin {

namespace {

using stats::HistogramView;

bool read_type(const Query& query, stats::ReportOptions& options) {
    const std::string type = query.get("type").value_or("All");
    if (type == "All") return true;
    options.counters = type == "Counters";
    options.gauges = type == "Gauges";
    options.histograms = type == "Histograms";
    return options.counters || options.gauges || options.histograms ||
           type == "TextReadouts";  // there are none of these
}

// False: not one of ours.
bool read_view(const Query& query, HistogramView& view) {
    const std::optional<std::string> name = query.get("histogram_buckets");
    if (!name || name->empty()) return true;
    if (*name == "summary" || *name == "none") {
        view = HistogramView::summary;
    } else if (*name == "cumulative") {
        view = HistogramView::cumulative;
    } else if (*name == "disjoint") {
        view = HistogramView::disjoint;
    } else {
        return false;
    }
    return true;
}

bool read_options(const Request& request, Answer& answer, stats::ReportOptions& options) {
    options.used_only = request.query.has("usedonly");
    return make_filter(request, answer, options.matches);
}

}  // namespace

void handle_stats(const Request& request, Answer& answer) {
    const std::string format = request.query.get("format").value_or("text");
    if (format == "prometheus") return handle_stats_prometheus(request, answer);
    if (format != "text" && format != "json") return refuse(answer, "usage: /stats?format=(json|prometheus|text)\n\n");
    stats::ReportOptions options;
    HistogramView view = HistogramView::summary;
    if (!read_view(request.query, view)) {
        return refuse(answer, "usage: /stats?histogram_buckets=(cumulative|disjoint|summary)\n");
    }
    if (!read_type(request.query, options)) return refuse(answer, "invalid &type= param");
    if (!read_options(request, answer, options)) return;

    const std::vector<stats::Reading> readings = request.report.read(options);
    if (format == "text") return stats::render_text(answer.body, readings, view);
    using Style = stats::JsonWriter::Style;
    answer.content_type = kJson;
    stats::render_json(answer.body, readings, view, request.query.has("pretty") ? Style::pretty : Style::compact);
}

void handle_stats_prometheus(const Request& request, Answer& answer) {
    stats::ReportOptions options;
    HistogramView view = HistogramView::cumulative;
    if (!read_view(request.query, view) || view == HistogramView::disjoint) {
        return refuse(answer, "unsupported prometheus histogram bucket mode");
    }
    if (!read_options(request, answer, options)) return;
    stats::render_prometheus(answer.body, request.report.read(options), view);
}

}  // namespace heirloom::admin
