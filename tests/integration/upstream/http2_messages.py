# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 upstream: trailers both ways, HEAD, interim answers, bodies without a length, empty bodies."""
from harness import *
from harness.http2_peer import DATA, END_STREAM, HEADERS


def chatty(peer):
    while True:
        stream = peer.next_request()
        for status in (100, 103, 102):
            peer.headers(stream, ('link', '</x>'), status=status)
        peer.headers(stream, ('x-kind', 'final'))
        peer.data(stream, b'body')
        peer.headers(stream, ('grpc-status', '0'), ('x-last', 'word'), status=None, end=True)


upstream = Http2Peer(chatty)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2')), http_protocol_options={'enable_trailers': True}), '--concurrency', '1')
with Client(proxy.port) as client:
    for _ in range(2):
        response = client.request('/', headers=[('te', 'trailers')])
        expect((response.status, response.headers['x-kind'], response.body), (200, 'final', b'body'))
        expect(response.trailers, [('grpc-status', '0'), ('x-last', 'word')])
    # Trailers of the request come behind its body, as a block of their own.
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n')
    expect(client.response().status, 200)
    kinds = [(kind, flags & END_STREAM) for kind, flags, stream, _ in upstream.connections[0].seen if stream == 5]
    expect(kinds, [(HEADERS, 0), (DATA, 0), (HEADERS, END_STREAM)])
expect(proxy.stat('cluster.up.http2.trailers'), 3)

plain = Nghttpd(files={'file': b'x' * 1000, 'empty': b''})
proxy = Proxy(config(cluster('up', plain.port, **speaks('http2')), http_protocol_options={'enable_trailers': True}), '--concurrency', '1')
with Client(proxy.port) as client:
    response = client.request('/file')
    expect((response.status, len(response.body)), (200, 1000))
    for _ in range(2):
        response = client.request('/file', 'HEAD')
        expect((response.status, response.headers.get('content-length')), (200, '1000'))
    response = client.request('/empty')
    expect((response.status, response.body), (200, b''))
    expect(client.request('/none').status, 404)
bare = Nghttpd('--no-content-length', '--trailer', 'x-end: yes', files={'file': b'y' * 100000})
proxy = Proxy(config(cluster('up', bare.port, **speaks('http2')), http_protocol_options={'enable_trailers': True}), '--concurrency', '1')
with Client(proxy.port) as client:
    response = client.request('/file')
    expect((len(response.body), response.headers.get('transfer-encoding'), response.trailers), (100000, 'chunked', [('x-end', 'yes')]))
    expect(client.request('/file', 'HEAD').status, 200)
    expect(client.request('/file').status, 200)
