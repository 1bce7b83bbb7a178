# SPDX-License-Identifier: Apache-2.0
"""Trailers pass where enable_trailers says so, the connection manager's for the client's side and the cluster's for the upstream's;
else they are dropped and the message is complete."""
from harness import *

upstream = Upstream(chunked(b'body', trailers=[('x-sum', '42')]))
request_bytes = b'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-check: 7\r\n\r\n'
enabled = {'http_protocol_options': {'enable_trailers': True}}
for manager, options, passed in ((enabled, enabled, True), ({}, enabled, False), (enabled, {}, False), ({}, {}, False)):
    proxy = Proxy(config(cluster('up', upstream.port, **options), **manager))
    with Client(proxy.port) as client:
        client.send(request_bytes)
        response = client.response()
        expect((response.body, response.trailers), (b'body', [('x-sum', '42')] if passed else []))
    expect((upstream.requests[-1].body, upstream.requests[-1].trailers), (b'hi', [('x-check', '7')] if passed else []))

# A request that came by HTTP/2 is no exception.
for options, passed in ((enabled, True), ({}, False)):
    proxy = Proxy(config(cluster('up', upstream.port, **options), codec_type='HTTP2'))
    with Http2Client(proxy.port) as client:
        stream = client.open('/', 'POST', end=False)
        client.send(h2.data(stream, b'hi') + h2.headers(stream, [('x-check', '7')], end=True))
        expect(client.response(stream).trailers, [('x-sum', '42')] if passed else [])
    expect((upstream.requests[-1].body, upstream.requests[-1].trailers), (b'hi', [('x-check', '7')] if passed else []))
