# SPDX-License-Identifier: Apache-2.0
"""A STRICT_DNS cluster resolves its name; one that does not resolve gives 503 UH and harms nobody else."""
from harness import *

upstream = Upstream(answer(b'by name\n'))
dns = {'type': 'STRICT_DNS', 'dns_lookup_family': 'V4_ONLY', 'dns_refresh_rate': '1s'}
proxy = Proxy(config(cluster('up', ('localhost', upstream.port), **dns), cluster('gone', ('name.invalid', 80), **dns),
                     routes=[route('/gone', 'gone'), route()]))
wait_for('localhost is resolved', lambda: get(proxy.port).body == b'by name\n')
response = get(proxy.port, '/gone')
expect((response.status, response.body), (503, b'no healthy upstream'))
expect(proxy.stat('cluster.up.membership_total'), 1)
