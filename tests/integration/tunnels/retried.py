# SPDX-License-Identifier: Apache-2.0
"""A request for a tunnel whose client has ended its side, refused and tried again over HTTP/2: its first stream is taken back, and what
the upstream does to it later is nobody's business."""
import threading

from harness import *
from harness.http2_peer import CANCEL, HEADERS, RST_STREAM

ended, later, taken_back = threading.Event(), threading.Event(), threading.Event()


def script(peer):
    _, first, _ = peer.wait(HEADERS)
    ended.wait(20)
    peer.headers(first, status=503, end=True)
    seen = []
    while len(seen) < 2:  # in either order
        kind, _, stream, _ = peer.read_frame()
        if (kind, stream == first) in ((RST_STREAM, True), (HEADERS, False)):
            seen.append((kind, stream))
    taken_back.set()
    second = next(stream for kind, stream in seen if kind == HEADERS)
    peer.headers(second, status=200)
    peer.data(second, b'end', end=True)
    later.wait(20)
    peer.reset_stream(first, CANCEL)
    peer.until_closed()


upstream, other = Http2Peer(script), Upstream(silent)
connect = {'match': {'connect_matcher': {}}, 'route': {'cluster': 'up', 'retry_policy': {
    'retry_on': '5xx', 'retry_back_off': {'base_interval': '0.001s'}}}}
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2', allow_connect=True)), cluster('other', other.port), routes=[
    connect, route('/', 'other')], upgrade_configs=[{'upgrade_type': 'CONNECT'}], http2_protocol_options={'allow_connect': True}), '--concurrency', '1')
with Http2Client(proxy.port) as client:
    stream = client.reserve()
    client.send(h2.headers(stream, [(':method', 'CONNECT'), (':authority', 'a.test:80')]))
    client.send(h2.data(stream, b'all that I say', end=True))
    client.ping()  # the proxy has it
    ended.set()
    client.wait(lambda: client.exchange(stream).ended, 'the end')
    expect((client.exchange(stream).status, client.exchange(stream).body), (200, b'end'))
expect_true(taken_back.wait(20), 'the first stream was reset')
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
with Client(proxy.port) as innocent:
    innocent.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n0123456789')
    proxy.wait_stat('cluster.other.upstream_rq_active', 1)
    later.set()
    proxy.wait_stat('cluster.up.http2.rx_reset', lambda value: value <= 1)
    expect(innocent.is_open(), True)
    expect(proxy.stat('cluster.other.upstream_rq_rx_reset'), 0)
proxy.wait_stat('cluster.other.upstream_rq_active', 0)
