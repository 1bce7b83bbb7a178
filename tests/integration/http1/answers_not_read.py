# SPDX-License-Identifier: Apache-2.0
"""A client that pipelines and does not read: what waits for it is bounded, its requests stay with it; when it reads, all answers come."""
import select

from harness import *

BODY = 'x' * 4000
LIMIT = 65536
proxy = Proxy(bootstrap([listener(hcm(direct('/', 200, BODY)), per_connection_buffer_limit_bytes=LIMIT)], []), '--concurrency', '1')
one = b'GET / HTTP/1.1\r\nhost: a\r\nx: ' + b'y' * 1000 + b'\r\n\r\n'
with Client(proxy.port) as client:
    client.socket.setblocking(False)
    sent = 0
    while select.select([], [client.socket], [], 1)[1]:  # for a second nothing more is taken: the proxy has stopped to read
        sent += client.socket.send(one * 1000)
        expect_true(sent < 64 << 20, 'requests are read without end')
    buffered = proxy.stat('http.ingress.downstream_cx_tx_bytes_buffered')
    expect_true(LIMIT <= buffered <= 4 * LIMIT, f'{buffered} bytes wait for a client that does not read')
    client.socket.settimeout(30)
    for _ in range(sent // len(one)):
        expect(len(client.response().body), len(BODY))
    client.send((one * 2)[sent % len(one):])  # the last one was cut somewhere
    expect([client.response().status for _ in range(2)], [200, 200])
proxy.wait_stat('http.ingress.downstream_cx_tx_bytes_buffered', 0)
