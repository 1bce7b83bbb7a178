# SPDX-License-Identifier: Apache-2.0
# timeout: 120
"""HTTP/2 upstream: 10 MiB each way, also to a client that does not read and from one to an upstream that does not; memory stays bounded."""
import os
import threading

from harness import *
from harness.http2_peer import DATA, END_STREAM, HEADERS

body = os.urandom(10 * 1024 * 1024)
upstream = Nghttpd('--echo-upload', files={'big': body})
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2'))), '--concurrency', '1')
for http2 in (True, False):
    expect_true(curl(f'http://127.0.0.1:{proxy.port}/big', http2=http2).body == body, 'the body as it was')
    response = curl(f'http://127.0.0.1:{proxy.port}/echo', data=body, http2=http2)
    expect((response.status, len(response.body)), (200, len(body)))
    expect_true(response.body == body, 'the body came back as it was')

# A client that does not read stops the upstream: its window closes.
with Client(proxy.port) as client:
    client.send('GET /big HTTP/1.1\r\nhost: a\r\n\r\n')
    proxy.wait_stat('cluster.up.upstream_flow_control_paused_reading_total', lambda count: count > 0)
    expect(get(proxy.port, '/').status, 404, 'others on the same connection go on')
    expect_true(client.response().body == body, 'all of it arrives in the end')
proxy.wait_stat('cluster.up.upstream_rq_active', 0)


# An upstream that opens no window stops the client.
go = threading.Event()


def slow(peer):
    stream = peer.wait(HEADERS)[1]
    go.wait(60)
    peer.window(0, 2**30)
    peer.window(stream, 2**30)
    received = 0
    while True:
        kind, flags, _, payload = peer.read_frame()
        received += len(payload) if kind == DATA else 0
        if kind == DATA and flags & END_STREAM:
            peer.answer(stream, str(received).encode())


second = Http2Peer(slow)
proxy = Proxy(config(cluster('up', second.port, **speaks('http2'))), '--concurrency', '1')
with Client(proxy.port) as client:
    client.send(f'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n')
    sender = threading.Thread(target=client.send, args=(body,), daemon=True)
    sender.start()
    proxy.wait_stat('cluster.up.upstream_flow_control_backed_up_total', lambda count: count > 0)
    expect_true(sender.is_alive(), 'the client cannot send more')
    expect_true(proxy.stat('cluster.up.upstream_cx_tx_bytes_total') < 100_000, 'only the first window was sent')
    go.set()
    expect(client.response().body, str(len(body)).encode())
    sender.join(10)
