# SPDX-License-Identifier: Apache-2.0
"""A request that is given up, by the client or by a timeout, is RST_STREAM to an HTTP/2 upstream; the others on the connection go on."""
from harness import *
from harness.http2_peer import CANCEL, RST_STREAM


def script(peer):
    """Never answers the first stream, answers the others."""
    first = peer.next_request()
    while True:
        stream = peer.next_request()
        if stream != first:
            peer.answer(stream)


def resets(upstream):
    return [(stream, payload[-1]) for kind, _, stream, payload in upstream.connections[0].seen if kind == RST_STREAM]


upstream = Http2Peer(script)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2'))), '--concurrency', '1')
with Client(proxy.port) as leaving:
    leaving.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    proxy.wait_stat('cluster.up.upstream_rq_active', 1)
    expect(get(proxy.port).body, b'hello\n')
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
expect(get(proxy.port).body, b'hello\n')
expect(resets(upstream), [(1, CANCEL)])
stats = proxy.stats()
expect((stats['cluster.up.upstream_rq_tx_reset'], stats['cluster.up.http2.tx_reset'], stats['cluster.up.upstream_cx_total']), (1, 1, 1))

upstream = Http2Peer(script)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2')), routes=[route(timeout='0.2s')]), '--concurrency', '1')
response = get(proxy.port)
expect((response.status, response.body), (504, b'upstream request timeout'))
expect(get(proxy.port).body, b'hello\n')
expect((resets(upstream), len(upstream.connections)), ([(1, CANCEL)], 1))
expect((proxy.stat('cluster.up.upstream_rq_timeout'), proxy.stat('cluster.up.http2.streams_active')), (1, 0))



# An answer that has come whole and waits for a slow client, who leaves: nothing of it is left, and the connection's window is given back.
SIZE = 3_000_000
whole, given_back = [], []


def large(peer):
    for _ in range(2):
        stream = peer.next_request()
        peer.headers(stream)
        for at in range(0, SIZE, 16000):
            peer.data(stream, bytes(min(16000, SIZE - at)), end=at + 16000 >= SIZE)
        peer.send(h2.ping(b'have all'))
        peer.wait(h2.PING)
        whole.append(stream)
    while True:
        _, stream, payload = peer.wait(h2.WINDOW_UPDATE)
        if stream == 0:
            given_back[:] = [sum(int.from_bytes(one[3], 'big') for one in peer.seen if one[0] == h2.WINDOW_UPDATE and one[2] == 0)]


upstream = Http2Peer(large)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2', initial_connection_window_size=2 * SIZE))), '--concurrency', '1')
with Http2Client(proxy.port, greedy=False) as client:
    stream = client.open()
    wait_for('the whole answer', lambda: whole == [1])
    client.send(h2.reset(stream))
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
    client.open()
    wait_for('the whole answer', lambda: whole == [1, 3])
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
wait_for('the window', lambda: given_back and given_back[0] >= 2 * SIZE - 65535 + SIZE)
stats = proxy.stats()
expect((stats['cluster.up.http2.streams_active'], stats['cluster.up.upstream_cx_active'], stats['cluster.up.upstream_rq_tx_reset']), (0, 1, 2))


# The upstream resets in the middle of its answer: the client sees that it is not whole.
def half(peer):
    stream = peer.next_request()
    peer.headers(stream, ('content-length', '100'))
    peer.data(stream, b'half')
    peer.reset_stream(stream)
    peer.until_closed()


log = f'{TMP}/access'
line = access_log(log, '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')
proxy = Proxy(config(cluster('up', Http2Peer(half).port, **speaks('http2')), access_log=[line]), '--concurrency', '1',
              '--file-flush-interval-msec', '20')
with Client(proxy.port) as client:
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    end, seen = client.rest()
    expect_in(b'content-length: 100', seen)
    expect_true(len(seen.split(b'\r\n\r\n', 1)[1]) <= 4, 'no more than there was')
wait_for('the line', lambda: open(log).read() == 'UR upstream_reset_after_response_started{remote_reset}\n')
