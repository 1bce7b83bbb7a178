# SPDX-License-Identifier: Apache-2.0
"""Requests go round the endpoints; an endpoint that refuses costs its own requests only."""
import collections

from harness import *

upstreams = [Upstream(answer(b'%d' % number)) for number in range(3)]
proxy = Proxy(config(cluster('up', *[one.port for one in upstreams])), '--concurrency', '1')
seen = collections.Counter(get(proxy.port).body for _ in range(30))
expect(seen, {b'0': 10, b'1': 10, b'2': 10})
