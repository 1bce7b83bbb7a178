# SPDX-License-Identifier: Apache-2.0
"""locality_weighted_lb_config: the locality by its weight, then an endpoint; what fails there leaves its share to the others."""
from harness import *

near, far, spare = Upstream(answer(b'near')), Upstream(answer(b'far')), Upstream(answer(b'spare'))


def locality(zone, *upstreams, **fields):
    return {'locality': {'zone': zone}, **fields, 'lb_endpoints': [
        {'endpoint': {'address': {'socket_address': {'address': '127.0.0.1', 'port_value': one.port}}}} for one in upstreams]}


def weighed(policy, *localities):
    return {**cluster('up', near.port), 'lb_policy': policy, 'common_lb_config': {'locality_weighted_lb_config': {}},
            'load_assignment': {'cluster_name': 'up', 'endpoints': list(localities)}}


def shares(*localities, policy='ROUND_ROBIN', count=80):
    proxy = Proxy(config(weighed(policy, *localities)), '--concurrency', '1')
    with Client(proxy.port) as client:
        bodies = [client.request('/').body for _ in range(count)]
    proxy.signal(15)
    proxy.wait()
    return [bodies.count(body) for body in (b'near', b'far', b'spare')]


# Round robin is exact, whatever the localities' sizes; one without a weight gets nothing.
expect(shares(locality('a', near, load_balancing_weight=3), locality('b', far, far, far, load_balancing_weight=1), locality('c', spare)), [60, 20, 0])
# Nobody has a weight: all endpoints are alike.
expect(shares(locality('a', near), locality('b', far), count=20), [10, 10, 0])
hashed = shares(locality('a', near, load_balancing_weight=3), locality('b', far, load_balancing_weight=1), policy='MAGLEV', count=400)
expect(240 < hashed[0] < 360 and sum(hashed) == 400, True, hashed)
