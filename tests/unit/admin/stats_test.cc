// SPDX-License-Identifier: Apache-2.0
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
    CHECK(ask("/stats?format=xml") == "usage: /stats?format=(json|prometheus|text)\n\n");
    CHECK(last.status == 400);
    CHECK(ask("/stats?histogram_buckets=detailed") ==
          "usage: /stats?histogram_buckets=(cumulative|disjoint|summary)\n");
    CHECK(last.status == 400);
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

}  // namespace heirloom::admin
