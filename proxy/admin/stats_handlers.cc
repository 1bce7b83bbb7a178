// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/html.h"
#include "proxy/config/stats_config.h"
#include "proxy/stats/render.h"

namespace heirloom::admin {

namespace {

using stats::HistogramView;

constexpr std::string_view kBucketsUsage = "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n";

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
    } else if (*name == "detailed") {
        view = HistogramView::detailed;
    } else {
        return false;
    }
    return true;
}

// No stat is hidden: those that are bookkeeping of our own are never shown.
bool read_options(const Request& request, Answer& answer, stats::ReportOptions& options) {
    options.used_only = request.query.has("usedonly");
    const std::string hidden = request.query.get("hidden").value_or("exclude");
    if (hidden == "only") options.matches = [](std::string_view) { return false; };
    if (hidden != "exclude" && hidden != "include" && hidden != "only") {
        refuse(answer, "usage: /stats?hidden=(include|only|exclude)\n\n");
        return false;
    }
    std::function<bool(std::string_view)> filter;
    if (!make_filter(request, answer, filter)) return false;
    if (!options.matches) options.matches = std::move(filter);
    return true;
}

void flush_if_asked_for(const Request& request) {
    const auto& config = request.server.snapshot().stats;
    if (!config || !config->flush_on_admin) return;
    request.report.flush();
    request.server.flush_stats();
}

// The form stands above the list, as it was filled in.
void render_html(Answer& answer, const Request& request, std::span<const stats::Reading> readings, HistogramView view) {
    answer.content_type = kHtml;
    std::string text;
    stats::render_text(text, readings, view);
    append_page_head(answer.body, "Statistics");
    append_form(answer.body, *find_path("/stats"), request.query);
    answer.body += "\n<pre>\n" + html_escaped(text) + "</pre>\n";
    append_page_tail(answer.body);
}

}  // namespace

void handle_stats(const Request& request, Answer& answer) {
    const std::string format = request.query.get("format").value_or("text");
    if (format == "prometheus") return handle_stats_prometheus(request, answer);
    if (format == "active-html") return refuse(answer, "format=active-html is not supported; format=html is\n");
    if (format != "text" && format != "json" && format != "html") {
        return refuse(answer, "usage: /stats?format=(html|json|prometheus|text)\n\n");
    }
    flush_if_asked_for(request);
    stats::ReportOptions options;
    HistogramView view = HistogramView::summary;
    if (!read_view(request.query, view)) return refuse(answer, std::string(kBucketsUsage));
    if (!read_type(request.query, options)) return refuse(answer, "invalid &type= param");
    if (!read_options(request, answer, options)) return;

    const std::vector<stats::Reading> readings = request.report.read(options);
    if (format == "text") return stats::render_text(answer.body, readings, view);
    if (format == "html") return render_html(answer, request, readings, view);
    using Style = stats::JsonWriter::Style;
    answer.content_type = kJson;
    stats::render_json(answer.body, readings, view, request.query.has("pretty") ? Style::pretty : Style::compact);
}

void handle_stats_prometheus(const Request& request, Answer& answer) {
    flush_if_asked_for(request);
    stats::ReportOptions options;
    HistogramView view = HistogramView::cumulative;
    if (!read_view(request.query, view)) return refuse(answer, std::string(kBucketsUsage));
    if (view == HistogramView::disjoint || view == HistogramView::detailed) {
        return refuse(answer, "unsupported prometheus histogram bucket mode");
    }
    if (!read_options(request, answer, options)) return;
    stats::render_prometheus(answer.body, request.report.read(options), view, request.report.rules());
}

void handle_recent_lookups(const Request&, Answer& answer) {
    refuse(answer, "recent lookups are not supported: no stat is looked up by its name while requests run\n");
}

}  // namespace heirloom::admin
