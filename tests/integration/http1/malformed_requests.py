# SPDX-License-Identifier: Apache-2.0
"""Malformed requests get Envoy's status and a close, and never reach the upstream."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
bad = {
    b'GARBAGE\r\n\r\n': 400,
    b'GET / HTTP/1.1\r\n\r\n': 400,
    b'GET up HTTP/1.1\r\nhost: a\r\n\r\n': 400,
    b'GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n': 400,
    b'GET / HTTP/1.1\r\nhost: a\r\nname : v\r\n\r\n': 400,
    b'GET / HTTP/1.1\r\nhost: a\r\nx: a\x00b\r\n\r\n': 400,
    b'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n': 400,
    b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n': 400,
    b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab': 400,
    b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n': 400,
    b'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n': 501,
    b'GET / HTTP/1.0\r\nhost: a\r\n\r\n': 426,
    b'GET / HTTP/1.1\r\nhost: a\r\nx: ' + b'y' * 70_000 + b'\r\n\r\n': 431,
    b'GET / HTTP/1.1\r\nhost: a\r\n' + b''.join(b'x%d: y\r\n' % n for n in range(120)) + b'\r\n': 431,
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03': None,  # a TLS hello on a plain port
}
for data, status in bad.items():
    with Client(proxy.port) as client:
        client.send(data)
        if status:
            expect(client.response().status, status, f'{data[:60]!r}')
        how, rest = client.rest()
        expect_true(how == 'eof' or status is None, f'{data[:60]!r}: closed in order, saw {how} {rest!r}')
expect(upstream.requests, [], 'nothing was forwarded')
expect(get(proxy.port).status, 200)
expect_true(proxy.stat('http.ingress.downstream_cx_protocol_error') >= 10, 'protocol errors are counted')
