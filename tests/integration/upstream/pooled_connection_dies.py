# SPDX-License-Identifier: Apache-2.0
"""A pooled connection that the upstream closed while idle costs no request: one safe retry on a fresh one."""
from harness import *

upstream = Upstream(answer(b'hello\n'))
proxy = Proxy(config(cluster('up', upstream.port)), '--concurrency', '1')
with Client(proxy.port) as client:
    for round_number in range(20):
        expect(client.request('/').status, 200, f'round {round_number}')
        upstream.close_connections()
expect(len(upstream.requests), 20)
