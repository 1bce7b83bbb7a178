// SPDX-License-Identifier: Apache-2.0
#include "proxy/config/stats_config.h"
#include "tests/unit/admin/fixture.h"

namespace heirloom::admin {

TEST_CASE_FIXTURE(AdminFixture, "stats: text, JSON, Prometheus") {
    registrar.counter("http.edge.downstream_rq_total").add(9);
    registrar.gauge("http.edge.downstream_cx_active");
    CHECK(ask("/stats") == "http.edge.downstream_cx_active: 0\nhttp.edge.downstream_rq_total: 9\n");
    CHECK(ask("/stats?format=json&filter=_rq_") == R"({"stats":[{"name":"http.edge.downstream_rq_total","value":9}]})");
    CHECK(has(last.headers, "application/json"));
    CHECK(ask("/stats?format=json&pretty&filter=_rq_").starts_with("{\n \"stats\": [\n  {\n   \"name\": "));
    const std::string prometheus = ask("/stats/prometheus?filter=_rq_");
    CHECK(prometheus ==
          "# TYPE envoy_http_downstream_rq_total counter\n"
          "envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"edge\"} 9\n");
    CHECK(has(last.headers, "text/plain; charset=UTF-8"));
    CHECK(ask("/stats?format=prometheus&filter=_rq_") == prometheus);
}

TEST_CASE_FIXTURE(AdminFixture, "stats: filter, type, usedonly") {
    registrar.counter("http.edge.used").add();
    registrar.counter("http.edge.unused");
    registrar.gauge("http.edge.level");
    CHECK(ask("/stats?filter=%5Ehttp%5C.edge%5C.u") == "http.edge.unused: 0\nhttp.edge.used: 1\n");
    CHECK(ask("/stats?filter=used$&invert_filter") == "http.edge.level: 0\n");
    CHECK(ask("/stats?usedonly&type=Counters") == "http.edge.used: 1\n");
    CHECK(ask("/stats?type=TextReadouts") == "");
    CHECK(last.status == 200);
    CHECK(ask("/stats?filter=edge%5C.level&usedonly") == "http.edge.level: 0\n");
}

TEST_CASE_FIXTURE(AdminFixture, "stats: what is not understood is refused by name") {
    CHECK(ask("/stats?filter=(") == "Invalid re2 regex");
    CHECK(last.status == 400);
    CHECK(ask("/stats?type=Dials") == "invalid &type= param");
    CHECK(last.status == 400);
    CHECK(ask("/stats?format=xml") == "usage: /stats?format=(html|json|prometheus|text)\n\n");
    CHECK(last.status == 400);
    CHECK(ask("/stats?format=active-html") == "format=active-html is not supported; format=html is\n");
    CHECK(last.status == 400);
    CHECK(ask("/stats?histogram_buckets=all") ==
          "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n");
    CHECK(last.status == 400);
    CHECK(ask("/stats?hidden=maybe") == "usage: /stats?hidden=(include|only|exclude)\n\n");
    CHECK(last.status == 400);
    CHECK(ask("/stats/recentlookups").starts_with("recent lookups are not supported"));
    CHECK(last.status == 400);
    CHECK(ask("/stats/prometheus?histogram_buckets=detailed") == "unsupported prometheus histogram bucket mode");
    CHECK(ask("/stats/prometheus?histogram_buckets=disjoint") == "unsupported prometheus histogram bucket mode");
    CHECK(last.status == 400);
}

TEST_CASE_FIXTURE(AdminFixture, "reset_counters starts what is shown from zero") {
    const stats::Counter counter = registrar.counter("server.things");
    counter.add(5);
    CHECK(post("/reset_counters") == "OK\n");
    counter.add();
    CHECK(ask("/stats") == "server.things: 1\n");
}

TEST_CASE_FIXTURE(AdminFixture, "stats: nothing is hidden") {
    registrar.counter("server.things").add(5);
    CHECK(ask("/stats?hidden=include") == "server.things: 5\n");
    CHECK(ask("/stats?hidden=exclude") == "server.things: 5\n");
    CHECK(ask("/stats?hidden=only") == "");
}

TEST_CASE_FIXTURE(AdminFixture, "stats as a page: the form as it was filled in, the list escaped") {
    registrar.counter("cluster.<b>.things").add(5);
    const std::string page = ask("/stats?format=html&usedonly&filter=%3Cb");
    CHECK(has(last.headers, "content-type: text/html; charset=UTF-8\n"));
    CHECK(has(page, "<pre>\ncluster.&lt;b&gt;.things: 5\n</pre>"));
    CHECK(has(page, "name=\"usedonly\" checked"));
    CHECK(has(page, "name=\"filter\" value=\"&lt;b\""));
    CHECK(has(page, "<option selected>html</option>"));
    CHECK(ask("/stats?format=html&filter=none").find("things") == std::string::npos);
}

TEST_CASE("stats: what the configuration rejects, tags and buckets; sinks are told when /stats is asked") {
    auto stats_config = std::make_shared<config::StatsConfig>();
    stats_config->flush_on_admin = true;
    stats_config->rules.rejects = [](std::string_view name) { return name.starts_with("cluster."); };
    stats_config->rules.tags = {{"site", stats::TagRule::Kind::fixed, nullptr, "", "a"}};
    AdminFixture fixture;
    fixture.server.config.stats = stats_config;
    fixture.admin = make_admin(fixture.server);
    fixture.registrar.counter("server.things").add(5);
    fixture.registrar.counter("cluster.a.things").add(5);
    CHECK(fixture.ask("/stats") == "server.things: 5\n");
    CHECK(fixture.ask("/stats/prometheus") ==
          "# TYPE envoy_server_things counter\nenvoy_server_things{site=\"a\"} 5\n");
    CHECK(fixture.server.orders == "flush flush ");
    fixture.ask("/ready");
    CHECK(fixture.server.orders == "flush flush ");
}

}  // namespace heirloom::admin
