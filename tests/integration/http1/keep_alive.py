# SPDX-License-Identifier: Apache-2.0
"""Many requests on one downstream connection share one upstream connection; both stay open."""
from harness import *

upstream = Upstream(answer(b'hello\n'))
proxy = Proxy(config(cluster('up', upstream.port)), '--concurrency', '1')
with Client(proxy.port) as client:
    for number in range(20):
        response = client.request(f'/{number}')
        expect((response.status, response.body), (200, b'hello\n'))
        expect('connection' in response.headers, False, 'no connection header on a kept connection')
    expect_true(client.is_open(), 'the connection stays open')
expect([one.path for one in upstream.requests], [f'/{number}' for number in range(20)])
expect(upstream.connections, 1, 'upstream connections')
expect(proxy.stat('http.ingress.downstream_rq_total'), 20)
