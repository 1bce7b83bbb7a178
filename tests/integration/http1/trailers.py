# SPDX-License-Identifier: Apache-2.0
"""With the connection manager's enable_trailers both ways pass trailers; without, they are dropped and the message is complete."""
from harness import *

upstream = Upstream(chunked(b'body', trailers=[('x-sum', '42')]))
request_bytes = b'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-check: 7\r\n\r\n'
enabled = {'http_protocol_options': {'enable_trailers': True}}
for manager, wanted in ((enabled, [('x-sum', '42')]), ({}, [])):
    proxy = Proxy(config(cluster('up', upstream.port), **manager))
    with Client(proxy.port) as client:
        client.send(request_bytes)
        response = client.response()
        expect((response.body, response.trailers), (b'body', wanted))
    expect(upstream.requests[-1].trailers, [('x-check', '7')] if manager else [])
    expect(upstream.requests[-1].body, b'hi')
