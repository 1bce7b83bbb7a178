# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 upstream that floods: cut off, counted under the name of the limit, memory bounded; others are served on."""
import struct

from harness import *
from harness.http2_peer import ACK, CONTINUATION, DATA, GOAWAY, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, frame, header_block


def flooding(*frames, times=200_000):
    """A script: after the first request, sends these frames over and over and reads nothing."""
    def script(peer):
        stream = peer.next_request()
        peer.headers(stream)
        piece = b''.join(frames) * 1000
        for _ in range(times // 1000):
            peer.send(piece)
    return script


def memory_kib(pid):
    with open(f'/proc/{pid}/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmRSS'))


STREAM = 1
for what, script, stat in (
        ('PING', flooding(frame(PING, 0, 0, b'12345678')), 'outbound_control_flood'),
        ('SETTINGS', flooding(frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 65535))), 'outbound_control_flood'),
        ('empty DATA', flooding(frame(DATA, 0, STREAM)), 'inbound_empty_frames_flood'),
        ('PRIORITY', flooding(frame(PRIORITY, 0, STREAM, struct.pack('>IB', 0, 1))), 'inbound_priority_frames_flood'),
        ('WINDOW_UPDATE', flooding(frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', 1))), 'inbound_window_update_frames_flood'),
        ('CONTINUATION', flooding(frame(HEADERS, 0, STREAM, header_block([('a', 'b')])), frame(CONTINUATION, 0, STREAM)), None)):
    peer = Http2Peer(script)
    proxy = Proxy(config(cluster('up', peer.port, **speaks('http2')), cluster('good', FastUpstream().port),
                         routes=[route('/good', 'good'), route()]), '--concurrency', '1')
    before = memory_kib(proxy.pid)
    with Client(proxy.port) as client:
        client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
        client.rest()  # the head was sent: all that is left is to end the connection
    proxy.wait_stat('cluster.up.upstream_cx_active', 0)
    stats = proxy.stats()
    if stat:
        expect(stats[f'cluster.up.http2.{stat}'], 1, what)
    expect((stats['cluster.up.upstream_cx_protocol_error'], stats['cluster.up.upstream_rq_active']), (1, 0), what)
    expect(stats['cluster.up.http2.streams_active'], 0, what)
    expect_true(memory_kib(proxy.pid) < before + 8192, f'{what}: {before} KiB, then {memory_kib(proxy.pid)} KiB')
    expect(get(proxy.port, '/good').status, 200)
    proxy.end()
