# SPDX-License-Identifier: Apache-2.0
"""/stats: text, filter, usedonly, json, prometheus, reset_counters."""
import json

from harness import *

upstream = Upstream()
proxy = Proxy(config(cluster('up', upstream.port)))
for _ in range(5):
    get(proxy.port)
expect(proxy.stat('http.ingress.downstream_rq_2xx'), 5)
expect(proxy.stat('cluster.up.upstream_rq_200'), 5)
filtered = proxy.admin('/stats?filter=^http\\.ingress\\.downstream_rq_2xx$').body
expect(filtered, b'http.ingress.downstream_rq_2xx: 5\n')
expect(b': 0\n' in proxy.admin('/stats?usedonly&filter=downstream_rq_.xx').body, False)
stats = json.loads(proxy.admin('/stats?format=json&filter=downstream_rq_2xx').body)['stats']
expect_in({'name': 'http.ingress.downstream_rq_2xx', 'value': 5}, stats)
expect_in(b'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="up"} 5\n', proxy.admin('/stats/prometheus').body)
used = proxy.admin('/stats/prometheus?usedonly&text_readouts&filter=^cluster.up.upstream_cx_(total|overflow)').body
expect(used.startswith(b'# TYPE envoy_cluster_upstream_cx_total counter\nenvoy_cluster_upstream_cx_total{envoy_cluster_name="up"} '), True)
expect(b'overflow' in used, False)
expect_in(b'  totals=', proxy.admin('/stats?histogram_buckets=detailed&filter=downstream_rq_time$').body)
expect(len(json.loads(proxy.admin('/stats?format=json&histogram_buckets=disjoint&filter=downstream_rq_time$').body)['stats'][0]['histograms'][0]['buckets']), 19)
page = proxy.admin('/stats?format=html&filter=^http.ingress.downstream_rq_2xx')
expect(page.headers['content-type'], 'text/html; charset=UTF-8')
expect_in(b'<pre>\nhttp.ingress.downstream_rq_2xx: 5\n', page.body)
for path in ('/stats?format=xml', '/stats?format=active-html', '/stats?type=Dials', '/stats?filter=(', '/stats?histogram_buckets=no', '/stats/recentlookups'):
    expect(proxy.admin(path).status, 400, path)
expect(proxy.admin('/reset_counters', 'POST').body, b'OK\n')
expect(proxy.stat('http.ingress.downstream_rq_2xx'), 0)
get(proxy.port)
expect(proxy.stat('http.ingress.downstream_rq_2xx'), 1)
