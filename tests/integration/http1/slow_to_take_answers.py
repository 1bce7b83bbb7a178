# SPDX-License-Identifier: Apache-2.0
"""A client that is slow to take its answers is not late with the requests that nobody reads meanwhile."""
import socket
import threading

from harness import *

COUNT = 5000
proxy = Proxy(config(cluster('up', 1), routes=[direct('/', 200, 'd' * 4000)], request_headers_timeout='0.2s'), '--concurrency', '1')
with Client(proxy.port, timeout=30) as client:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
    requests = b'GET / HTTP/1.1\r\nhost: a\r\n\r\n' * COUNT
    threading.Thread(target=client.send, args=(requests,), daemon=True).start()
    proxy.wait_stat('http.ingress.downstream_cx_tx_bytes_buffered', lambda count: count > 1_000_000)
    for late in (1, 2):  # time goes on
        with Client(proxy.port) as other:
            other.send('GET / HTT')
            expect_in(b'408 Request Timeout', other.rest()[1])
    for _ in range(COUNT):
        expect(client.response().status, 200)
    expect_true(client.is_open(), 'it goes on')
expect(proxy.stat('http.ingress.downstream_rq_header_timeout'), 2)
