# SPDX-License-Identifier: Apache-2.0
"""Configured tags and buckets show in Prometheus; a reload with other buckets keeps the counts."""
from harness import *

upstream = Upstream()
base = config(cluster('up', upstream.port))


def with_stats(**fields):
    return {**base, 'stats_config': fields}


def buckets(*bounds):
    return {'match': {'exact': 'http.ingress.downstream_rq_time'}, 'buckets': list(bounds)}


def lines(text):
    return [line for line in supervisor.admin(f'/stats/prometheus?filter={text}').body.decode().splitlines() if not line.startswith('#')]


supervisor = Supervisor(with_stats(
    stats_tags=[{'tag_name': 'site', 'fixed_value': 'eqiad'}, {'tag_name': 'side', 'regex': r'\.((up|down)stream_)'}],
    histogram_bucket_settings=[buckets(60000, 7)]))
for _ in range(4):
    get(supervisor.port)
expect(lines('up.upstream_rq_200'), ['envoy_cluster_rq{envoy_response_code="200",site="eqiad",side="up",envoy_cluster_name="up"} 4'])
labels = 'site="eqiad",side="down",envoy_http_conn_manager_prefix="ingress"'
seen = lines('http.ingress.downstream_rq_time$')
expect([line.rsplit('{', 1)[1].split('}')[0] for line in seen[:3]], [f'{labels},le="{le}"' for le in ('7', '60000', '+Inf')])
expect(seen[1].endswith(' 4'), True)

write_config(with_stats(use_all_default_tags=False, stats_tags=[{'tag_name': 'envoy.cluster_name'}],
                        histogram_bucket_settings=[buckets(10000)]), supervisor.config_path)
supervisor.reload()
expect(lines('up.upstream_rq_200'), ['envoy_cluster_upstream_rq_200{envoy_cluster_name="up"} 4'])
seen = lines('http.ingress.downstream_rq_time$')
expect(seen[:2], ['envoy_http_ingress_downstream_rq_time_bucket{le="10000"} 4', 'envoy_http_ingress_downstream_rq_time_bucket{le="+Inf"} 4'])
