# SPDX-License-Identifier: Apache-2.0
"""A broken chunk ends the request: the client gets 400 or a close, the upstream never sees a complete request."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
start = b'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'
for chunk in (b'zz\r\nab\r\n', b'2\r\nabcd\r\n', b'-1\r\n', b'ffffffffffffffffff\r\n', b'3\r\nabc\r\n0\r\nbad trailer\r\n\r\n'):
    with Client(proxy.port) as client:
        client.send(start + chunk)
        _, data = client.rest()
        expect_true(data == b'' or data.startswith(b'HTTP/1.1 400 '), f'{chunk!r}: {data[:100]!r}')
expect(upstream.requests, [])
expect(get(proxy.port).status, 200)
