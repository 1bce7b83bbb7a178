# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 upstream that ends a tunnel and resets the rest of it: the client has all that was said, and nobody else has its bytes."""
from harness import *
from harness.http2_peer import CANCEL, DATA, END_STREAM, HEADERS, NO_ERROR, RST_STREAM

CONNECT = {'match': {'connect_matcher': {}}, 'route': {'cluster': 'up'}}
ALLOWED = [{'upgrade_type': 'CONNECT'}]


def tunnels(script, **settings):
    upstream = Http2Peer(script, settings)
    return upstream, Proxy(config(cluster('up', upstream.port, **speaks('http2', allow_connect=True)), routes=[CONNECT, route()],
                                  upgrade_configs=ALLOWED, http2_protocol_options={'allow_connect': True}), '--concurrency', '1')


def leaves(peer):
    """Says goodbye on the first stream and takes it back; answers the others."""
    _, stream, _ = peer.wait(HEADERS)
    peer.headers(stream)
    peer.data(stream, b'bye', end=True)
    peer.reset_stream(stream, NO_ERROR)
    while True:
        peer.answer(peer.next_request())


def frames(upstream):
    return [(kind, stream, payload) for kind, _, stream, payload in upstream.connections[0].seen if kind in (DATA, RST_STREAM)]


upstream, proxy = tunnels(leaves)
with Client(proxy.port) as tunnel, Client(proxy.port) as other:
    tunnel.send('CONNECT a.test:80 HTTP/1.1\r\nhost: a.test:80\r\n\r\n')
    expect(tunnel.response(head_only=True).status, 200)
    expect(tunnel.take(3), b'bye')
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
    other.send('POST / HTTP/1.1\r\nhost: b\r\ncontent-length: 20\r\n\r\n0123456789')
    wait_for('its first half', lambda: frames(upstream) == [(DATA, 3, b'0123456789')])
    try:
        tunnel.send(b'of the tunnel')
    except OSError:
        pass  # this side has ended it
    tunnel.close()
    proxy.wait_stat('http.ingress.downstream_cx_upgrades_active', 0)
    other.send('abcdefghij')
    expect(other.response().body, b'hello\n')
expect([one for one in frames(upstream) if one[2]], [(DATA, 3, b'0123456789'), (DATA, 3, b'abcdefghij')])
expect(proxy.stat('cluster.up.upstream_rq_rx_reset'), 1)


# A slow client over HTTP/2 has all of it too, before it is told that nobody hears it.
def pours(peer):
    _, stream, _ = peer.wait(HEADERS)
    peer.headers(stream)
    for _ in range(10):
        peer.data(stream, bytes(10000))
    peer.data(stream, b'end', end=True)
    peer.reset_stream(stream, NO_ERROR)
    peer.until_closed()


upstream, proxy = tunnels(pours)
with Http2Client(proxy.port, greedy=False) as client:
    stream = client.reserve()
    client.send(h2.headers(stream, [(':method', 'CONNECT'), (':authority', 'a.test:80')]))
    proxy.wait_stat('cluster.up.upstream_rq_rx_reset', 1)
    client.send(h2.data(stream, b'anybody there?'))
    client.update(stream, 1 << 20)
    client.update(0, 1 << 20)
    exchange = client.wait_over(stream)
    expect_true(exchange.body == bytes(100000) + b'end' and exchange.ended, f'{len(exchange.body)} bytes, {exchange.reset}')
    expect(client.wait_reset(stream), NO_ERROR)
    client.ping()
    expect((proxy.stat('http.ingress.downstream_rq_active'), proxy.stat('http2.streams_active')), (0, 0))


# A client that has said all before it is answered: what was held for a tunnel that is not to be is told as given up.
def refuses(peer):
    _, stream, _ = peer.wait(HEADERS)
    peer.headers(stream, status=status, end=True)
    peer.until_closed()


for status, told in ((403, [(RST_STREAM, 1, bytes([0, 0, 0, CANCEL]))]), (200, [(DATA, 1, b'')])):
    upstream, proxy = tunnels(refuses)
    with Http2Client(proxy.port) as client:
        stream = client.reserve()
        client.send(h2.headers(stream, [(':method', 'CONNECT'), (':authority', 'a.test:80')], end=True))
        expect(client.response(stream).status, status)
        wait_for(f'the end of the request, answered by {status}', lambda: frames(upstream) == told)
        proxy.wait_stat('cluster.up.upstream_rq_active', 0)
