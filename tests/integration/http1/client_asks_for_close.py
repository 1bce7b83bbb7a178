# SPDX-License-Identifier: Apache-2.0
"""`connection: close` in a request is answered in kind and the connection ends; the upstream's one is kept."""
from harness import *

upstream = Upstream(answer(b'bye\n'))
proxy = Proxy(config(cluster('up', upstream.port)), '--concurrency', '1')
for _ in range(3):
    with Client(proxy.port) as client:
        response = client.request('/', headers={'connection': 'close'})
        expect(response.body, b'bye\n')
        expect(response.headers.get('connection'), 'close')
        expect(client.rest(), ('eof', b''))
expect(upstream.connections, 1, 'upstream connections')
expect_true(all('connection' not in one.headers for one in upstream.requests), 'connection is hop by hop')
