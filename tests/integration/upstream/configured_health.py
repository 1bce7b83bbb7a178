# SPDX-License-Identifier: Apache-2.0
"""An endpoint gets what its configured health allows; when too few are available, panic believes none of it."""
import collections

from harness import *
from harness.config import socket_address


def endpoints(ports, priority=0):
    """{port: health_status}"""
    return {'priority': priority, 'lb_endpoints': [
        {'endpoint': {'address': socket_address('127.0.0.1', port)}, 'health_status': status} for port, status in ports.items()]}


def cluster_of(name, *localities, threshold=50):
    return {'name': name, 'type': 'STATIC', 'common_lb_config': {'healthy_panic_threshold': {'value': threshold}},
            'load_assignment': {'cluster_name': name, 'endpoints': list(localities)}}


def shares(path):
    with Client(proxy.port) as client:
        return collections.Counter(client.request(path).body for _ in range(20))


upstreams = [Upstream(answer(b'%d' % number)) for number in range(4)]
ports = [one.port for one in upstreams]
clusters = [
    cluster_of('some', endpoints(dict(zip(ports, ['HEALTHY', 'UNHEALTHY', 'DRAINING', 'UNKNOWN'])))),
    cluster_of('second', endpoints({ports[0]: 'TIMEOUT'}), endpoints({ports[1]: 'HEALTHY'}, 1)),
    cluster_of('worse', endpoints({ports[0]: 'UNHEALTHY', ports[1]: 'DEGRADED'})),
    cluster_of('panic', endpoints(dict.fromkeys(ports[:2], 'UNHEALTHY'))),
    cluster_of('none', endpoints(dict.fromkeys(ports[:2], 'UNHEALTHY')), threshold=0)]
proxy = Proxy(config(*clusters, routes=[route('/' + one['name'], one['name']) for one in clusters]), '--concurrency', '1')
expect(shares('/some'), {b'0': 10, b'3': 10})
expect(shares('/second'), {b'1': 20})
expect(shares('/worse'), {b'1': 20})
expect(shares('/panic'), {b'0': 10, b'1': 10})
expect(shares('/none'), {b'no healthy upstream': 20})
for name, counts in {'some': (4, 2, 0, 1, 0), 'worse': (2, 0, 1, 0, 0), 'panic': (2, 0, 0, 0, 20), 'none': (2, 0, 0, 0, 0)}.items():
    stats = ('membership_total', 'membership_healthy', 'membership_degraded', 'membership_excluded', 'lb_healthy_panic')
    expect(tuple(proxy.stat(f'cluster.{name}.{stat}') for stat in stats), counts)
expect(proxy.stat('cluster.none.upstream_cx_none_healthy'), 20)
text = proxy.admin('/clusters').body.decode()
for port, flags in zip(ports, ['healthy', '/failed_eds_health', '/eds_status_draining', 'healthy']):
    expect(f'some::127.0.0.1:{port}::health_flags::{flags}\n' in text, True)
expect(f'second::127.0.0.1:{ports[1]}::priority::1\n' in text, True)
