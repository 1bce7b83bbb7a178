// SPDX-License-Identifier: Apache-2.0
#include "proxy/stats/render.h"

#include "proxy/stats/quantiles.h"
#include "tests/unit/stats/fixture.h"

namespace heirloom::stats {

namespace {

struct ReportFixture : SegmentFixture {
    Rules rules;
    Report report{*segment, rules};
    ReportOptions options;

    std::string text(HistogramView view = HistogramView::summary) {
        std::string out;
        render_text(out, report.read(options), view);
        return out;
    }
    std::string json(HistogramView view = HistogramView::summary) {
        std::string out;
        render_json(out, report.read(options), view, JsonWriter::Style::compact);
        return out;
    }
    std::string prometheus(HistogramView view = HistogramView::cumulative) {
        std::string out;
        render_prometheus(out, report.read(options), view, rules);
        return out;
    }
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE_FIXTURE(ReportFixture, "counters and gauges are sorted together, histograms come last") {
    registrar.histogram("a.time");
    registrar.counter("server.b").add(3);
    registrar.gauge("server.a").set(2);
    registrar.counter("cluster_manager.cluster_added");
    registrar.counter("cluster.blue.bind_errors");
    CHECK(text() ==
          "cluster.blue.bind_errors: 0\ncluster_manager.cluster_added: 0\nserver.a: 2\nserver.b: 3\n"
          "a.time: No recorded values\n");
}

TEST_CASE_FIXTURE(ReportFixture, "what a cluster counts at first use is not there before it") {
    const CodeCounter codes = registrar.code_counter("cluster.blue.upstream_rq_");
    const Counter failures = registrar.counter("cluster.blue.upstream_rq_5xx");
    registrar.counter("cluster.blue.external.upstream_rq_completed");
    registrar.histogram("cluster.blue.upstream_rq_time");
    registrar.counter("http.edge.downstream_rq_5xx");
    CHECK(text() == "http.edge.downstream_rq_5xx: 0\n");
    codes.add(503);
    failures.add();
    CHECK(text() ==
          "cluster.blue.upstream_rq_503: 1\ncluster.blue.upstream_rq_5xx: 1\nhttp.edge.downstream_rq_5xx: 0\n");
}

TEST_CASE_FIXTURE(ReportFixture, "filters") {
    registrar.counter("server.used").add();
    registrar.counter("server.unused");
    registrar.gauge("server.level");
    options.used_only = true;
    CHECK(text() == "server.level: 0\nserver.used: 1\n");
    options.gauges = false;
    CHECK(text() == "server.used: 1\n");
    options.matches = [](std::string_view name) { return name.ends_with("unused"); };
    CHECK(text() == "");
    options.used_only = false;
    CHECK(text() == "server.unused: 0\n");
}

TEST_CASE_FIXTURE(ReportFixture, "a summary shows the last interval beside all time") {
    const Histogram time = registrar.histogram("http.edge.downstream_rq_time");
    report.flush();
    time.record(0);
    time.record(1);
    CHECK(text() ==
          "http.edge.downstream_rq_time: P0(nan,0) P25(nan,0) P50(nan,0) P75(nan,1) P90(nan,1) P95(nan,1) P99(nan,1) "
          "P99.5(nan,1) P99.9(nan,1) P100(nan,1)\n");
    report.flush();
    CHECK(has(text(), "P0(0,0) P25(0,0) P50(0,0) P75(1,1)"));
    report.flush();
    CHECK(has(text(), "P0(nan,0)"));
    CHECK(has(json(), R"({"cumulative":1,"interval":null})"));
}

TEST_CASE_FIXTURE(ReportFixture, "buckets in text, cumulative and disjoint") {
    const Histogram time = registrar.histogram("h");
    report.flush();
    for (const uint64_t value : {0u, 1u, 1u, 7u}) time.record(value);
    CHECK(has(text(HistogramView::cumulative), "h: B0.5(0,1) B1(0,3) B5(0,3) B10(0,4) B25(0,4) "));
    CHECK(has(text(HistogramView::disjoint), "h: B0.5(0,1) B1(0,2) B5(0,0) B10(0,1) B25(0,0) "));
    report.flush();
    CHECK(has(text(HistogramView::cumulative), "B0.5(1,1) B1(3,3)"));
}

TEST_CASE_FIXTURE(ReportFixture, "JSON") {
    registrar.counter("server.b").add(3);
    CHECK(json() == R"({"stats":[{"name":"server.b","value":3}]})");
    registrar.histogram("h").record(1);
    CHECK(
        has(json(),
            R"({"name":"server.b","value":3},{"histograms":{"supported_quantiles":[0,25,50,75,90,95,99,99.5,99.9,100],)"
            R"("computed_quantiles":[{"name":"h","values":[{"cumulative":1,"interval":null},)"));
    CHECK(has(json(HistogramView::cumulative),
              R"({"histograms":[{"name":"h","buckets":[{"upper_bound":0.5,"interval":0,"cumulative":0},)"
              R"({"upper_bound":1,"interval":0,"cumulative":1},)"));
}

TEST_CASE_FIXTURE(ReportFixture, "Prometheus: groups by extracted name, one TYPE line each") {
    registrar.counter("cluster.green.upstream_cx_total").add(2);
    registrar.code_counter("cluster.green.upstream_rq_").add(200);
    registrar.code_counter("cluster.blue.upstream_rq_").add(503);
    registrar.counter("cluster_manager.cluster_added").add();
    registrar.gauge("server.live").set(1);
    CHECK(prometheus() ==
          "# TYPE envoy_cluster_upstream_cx_total counter\n"
          "envoy_cluster_upstream_cx_total{envoy_cluster_name=\"green\"} 2\n"
          "# TYPE envoy_cluster_upstream_rq counter\n"
          "envoy_cluster_upstream_rq{envoy_response_code=\"503\",envoy_cluster_name=\"blue\"} 1\n"
          "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"green\"} 1\n"
          "# TYPE envoy_cluster_manager_cluster_added counter\n"
          "envoy_cluster_manager_cluster_added{} 1\n"
          "# TYPE envoy_server_live gauge\n"
          "envoy_server_live{} 1\n");
}

TEST_CASE_FIXTURE(ReportFixture, "Prometheus: a histogram has Envoy's buckets, a sum and a count") {
    const Histogram time = registrar.histogram("cluster.a\"b.upstream_rq_time");
    time.record(1);
    time.record(700000);
    std::string expected = "# TYPE envoy_cluster_upstream_rq_time histogram\n";
    const auto line = [&](const char* le, int count) {
        expected += "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"a\\\"b\",le=\"" + std::string(le) +
                    "\"} " + std::to_string(count) + "\n";
    };
    line("0.5", 0);
    for (const char* le : {"1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "30000",
                           "60000", "300000", "600000"}) {
        line(le, 1);
    }
    for (const char* le : {"1800000", "3600000", "+Inf"}) line(le, 2);
    expected +=
        "envoy_cluster_upstream_rq_time_sum{envoy_cluster_name=\"a\\\"b\"} 700001\n"
        "envoy_cluster_upstream_rq_time_count{envoy_cluster_name=\"a\\\"b\"} 2\n";
    CHECK(prometheus() == expected);
    CHECK(has(prometheus(HistogramView::summary), "# TYPE envoy_cluster_upstream_rq_time summary\n"));
    CHECK(has(prometheus(HistogramView::summary), "quantile=\"0.995\"} nan\n"));
}

TEST_CASE_FIXTURE(ReportFixture, "what is rejected now is not shown, whoever has counted it") {
    registrar.counter("cluster.blue.bind_errors").add();
    registrar.code_counter("cluster.blue.upstream_rq_").add(503);
    registrar.histogram("cluster.blue.upstream_rq_time").record(1);
    registrar.counter("heirloom.told.server.b").add();
    registrar.counter("server.b").add(3);
    rules.rejects = [](std::string_view name) { return name.starts_with("cluster.") && !name.ends_with("503"); };
    CHECK(text() == "cluster.blue.upstream_rq_503: 1\nserver.b: 3\n");
    rules.rejects = [](std::string_view) { return true; };
    CHECK(text() == "");
    CHECK(prometheus() == "");
}

TEST_CASE_FIXTURE(ReportFixture, "configured buckets, also when the bins are older than they") {
    const Histogram time = registrar.histogram("h");
    for (const uint64_t value : {2u, 3u, 4u, 90u}) time.record(value);
    rules.buckets = {{[](std::string_view name) { return name == "h"; }, {5, 95}}};
    CHECK(text(HistogramView::cumulative) == "h: B5(0,3) B95(0,3)\n");  // 90 is in the bin 84 to 100
    rules.buckets[0].bounds = {5, 100};
    CHECK(text(HistogramView::cumulative) == "h: B5(0,3) B100(0,4)\n");
    CHECK(has(prometheus(), "envoy_h_bucket{le=\"100\"} 4\nenvoy_h_bucket{le=\"+Inf\"} 4\n"));
    CHECK_FALSE(has(prometheus(), "le=\"10\""));
}

TEST_CASE_FIXTURE(ReportFixture, "details: the bins that hold something") {
    const Histogram time = registrar.histogram("h");
    report.flush();
    time.record(0);
    time.record(7200000);
    CHECK(text(HistogramView::detailed)
              .starts_with("h:\n  totals=0,0.5:1, 3.6e+06,0:1\n  intervals=\n  summary=P0(nan,0) P25(nan,0) "));
    const std::string shown = json(HistogramView::detailed);
    CHECK(has(shown, R"({"histograms":{"supported_percentiles":[0,25,)"));
    CHECK(has(shown, R"("details":[{"name":"h","totals":[{"lower_bound":0,"width":0.5,"count":1},)"));
    CHECK(has(shown, R"("intervals":[],"percentiles":[{"cumulative":0,"interval":null},)"));
}

TEST_CASE("quantiles are exact for small whole numbers and close for large ones") {
    const std::span<const double> bounds = shm::Segment::default_bounds();
    shm::HistogramSnapshot histogram;
    histogram.bins.assign(bounds.size() + 1, 0);
    CHECK(quantile(bounds, histogram, 50) != quantile(bounds, histogram, 50));  // NaN
    for (uint32_t value = 1; value <= 1000; ++value) {
        ++histogram.bins[static_cast<size_t>(std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin())];
        ++histogram.count;
    }
    CHECK(quantile(bounds, histogram, 0) == 1);
    CHECK(quantile(bounds, histogram, 50) == doctest::Approx(500).epsilon(0.05));
    CHECK(quantile(bounds, histogram, 99) == doctest::Approx(990).epsilon(0.05));
    CHECK(quantile(bounds, histogram, 100) == 1000);
}

}  // namespace heirloom::stats
