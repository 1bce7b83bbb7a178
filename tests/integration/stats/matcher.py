# SPDX-License-Identifier: Apache-2.0
"""A stat that stats_matcher rejects is nowhere: not in the segment, not in any output; a reload may say otherwise."""
from harness import *

upstream = Upstream()
base = config(cluster('up', upstream.port))


def excluding(*patterns):
    return {**base, 'stats_config': {'stats_matcher': {'exclusion_list': {'patterns': list(patterns)}}}}


supervisor = Supervisor(excluding({'prefix': 'cluster.up.'}, {'safe_regex': {'regex': r'http\.ingress\.downstream_rq_[45]xx'}}))


def shown():
    """In all the ways that there are."""
    names = {line.split(':')[0] for line in supervisor.admin('/stats').body.decode().splitlines()}
    prometheus = supervisor.admin('/stats/prometheus').body.decode()
    expect('envoy_cluster_name="up"' in prometheus, any(name.startswith('cluster.up.') for name in names))
    listed = {stat['name'] for stat in supervisor.admin_json('/stats?format=json')['stats'] if 'name' in stat}
    expect(all(name in names for name in listed), True)
    return names


get(supervisor.port)
names = shown()
expect([name for name in names if name.startswith('cluster.up.') or name == 'http.ingress.downstream_rq_5xx'], [])
expect_in('http.ingress.downstream_rq_2xx', names)
expect(supervisor.ctl('stats', 'cluster.up.')[1].strip(), '')

write_config(base, supervisor.config_path)
supervisor.reload()
get(supervisor.port)
expect_true({'cluster.up.upstream_rq_total', 'cluster.up.upstream_rq_200', 'http.ingress.downstream_rq_5xx'} <= shown(), 'shown again')
supervisor.wait_stat('cluster.up.upstream_rq_200', 1)  # counted since it is kept

write_config(excluding({'suffix': '.UPSTREAM_RQ_200', 'ignore_case': True}), supervisor.config_path)
supervisor.reload()
get(supervisor.port)
names = shown()
expect('cluster.up.upstream_rq_200' in names, False)  # although the segment has it
expect_in('cluster.up.upstream_rq_2xx', names)

write_config({**base, 'stats_config': {'stats_matcher': {'reject_all': True}}}, supervisor.config_path)
supervisor.reload()
expect(get(supervisor.port).status, 200)
expect(supervisor.admin('/stats').body, b'')
expect(supervisor.admin('/stats/prometheus').body, b'')
