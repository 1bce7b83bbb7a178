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
expect(proxy.admin('/reset_counters', 'POST').body, b'OK\n')
expect(proxy.stat('http.ingress.downstream_rq_2xx'), 0)
get(proxy.port)
expect(proxy.stat('http.ingress.downstream_rq_2xx'), 1)
