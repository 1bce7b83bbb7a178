# SPDX-License-Identifier: Apache-2.0
"""What a slow peer has not taken is told by gauges, on both sides, and is nothing again when it has."""
import threading

from harness import *
from harness import http2_frames as h2
from harness.http2_peer import DATA

BODY = b'x' * 12_000_000  # more than the kernel's buffers hold
GAUGES = ('pending_send_bytes', 'outbound_frames_active', 'outbound_control_frames_active')


def reads_when_told(peer):
    peer.wait(DATA)
    go_on.wait()
    peer.window(0, 8 << 20)
    peer.window(1, 8 << 20)
    peer.answer(peer.next_request())
    peer.until_closed()


def wait_above(stat):
    wait_for(f'{stat} above 0', lambda: proxy.stat(stat) > 0)


def wait_none():
    for prefix in ('http2.', 'cluster.up.http2.'):
        for gauge in GAUGES:
            proxy.wait_stat(prefix + gauge, 0)


# A closed window: bytes wait in the stream. A client that reads nothing: frames wait for the socket.
upstream = Upstream(answer(BODY))
proxy = Proxy(config(cluster('up', upstream.port)))
with Http2Client(proxy.port, greedy=False) as client:
    stream = client.open()
    wait_above('http2.pending_send_bytes')
    expect(proxy.stat('http2.outbound_frames_active'), 0)
    client.update(0, 1 << 30)
    client.update(stream, 1 << 30)
    wait_above('http2.outbound_frames_active')
    expect_true(client.response(stream).body == BODY, 'all of it')
    wait_none()
    stream = client.open()
    wait_above('http2.pending_send_bytes')
wait_none()  # it has left

go_on = threading.Event()
upstream = Http2Peer(reads_when_told)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2'))))
with Http2Client(proxy.port) as client:
    client.ping()  # the proxy's window is known
    stream = client.open(method='POST', end=False)
    for at in range(0, 300_000, 10_000):
        client.send(h2.data(stream, b'y' * 10_000, end=at == 290_000))
    wait_above('cluster.up.http2.pending_send_bytes')
    go_on.set()
    expect(client.response(stream).status, 200)
    wait_none()
expect(upstream.errors, [])
