# SPDX-License-Identifier: Apache-2.0
"""The forms of the sinks: dog_statsd in joined datagrams, statsd over TCP, single values of histograms; a dead one does not matter."""
from harness import *

dog, tcp = StatsdServer(), StatsdServer(tcp=True)
upstream = Upstream()
proxy = Proxy({**config(cluster('up', upstream.port), cluster('sink', tcp.port), cluster('gone', 1)),
               'node': {'id': 'n', 'cluster': 'c'}, 'stats_flush_interval': '0.05s',
               'stats_config': {'stats_tags': [{'tag_name': 'site', 'fixed_value': 'a'}], 'stats_matcher': {'exclusion_list': {'patterns': [{'contains': 'cx_rx'}]}}},
               'stats_sinks': [dog_statsd(dog.port, prefix='dog', max_bytes_per_datagram=400), statsd(cluster='sink', prefix='tcp'),
                               statsd(1), statsd(cluster='gone')]})
for _ in range(3):
    get(proxy.port)
TAGS = '#envoy.response_code:200,site:a,envoy.cluster_name:up'
dog.wait_counter('dog.cluster.upstream_rq' + TAGS, 3)
tcp.wait_counter('tcp.cluster.up.upstream_rq_200', 3)
wait_for('values of a histogram', lambda: len(dog.values.get('dog.http.downstream_rq_time#site:a,envoy.http_conn_manager_prefix:ingress', ())) == 3)
wait_for('values over TCP', lambda: len(tcp.values.get('tcp.http.ingress.downstream_rq_time', ())) == 3)
expect({kind for _, kind in tcp.values['tcp.http.ingress.downstream_rq_time']}, {'ms'})
expect_true(any('\n' in datagram for datagram in dog.datagrams), 'lines are joined')
expect(max(len(datagram) for datagram in dog.datagrams) <= 400, True)
expect([name for name in tcp.counters if 'cx_rx' in name or 'heirloom' in name], [])
proxy.wait_stat('stats_sinks.lines_dropped', lambda value: value > 0)

# What was counted before the counters are reset is told, and nothing twice.
get(proxy.port)
expect(proxy.admin('/reset_counters', 'POST').body, b'OK\n')
get(proxy.port)
tcp.wait_counter('tcp.http.ingress.downstream_rq_total', 5)
expect(proxy.stat('http.ingress.downstream_rq_total'), 1)

# The last words.
get(proxy.port)
proxy.end()
dog.wait_counter('dog.http.downstream_rq_total#site:a,envoy.http_conn_manager_prefix:ingress', 6)
