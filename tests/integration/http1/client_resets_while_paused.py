# SPDX-License-Identifier: Apache-2.0
"""The upstream takes no more of a body, so nobody reads the client; its reset ends the request all the same."""
import socket
import struct
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(on_connect=lambda _: gate.wait(60))
proxy = Proxy(config(cluster('up', upstream.port)))
client = Client(proxy.port)
client.send(b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000000\r\n\r\n')
client.socket.setblocking(False)


def poured():
    """Nothing more fits, here and there."""
    try:
        client.socket.send(bytes(1 << 20))
        return False
    except BlockingIOError:
        stat = lambda name: proxy.stat(f'http.ingress.downstream_flow_control_{name}_reading_total')
        return stat('paused') > stat('resumed')


wait_for('nobody reads the client', poured)
client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
client.close()
proxy.wait_stat('http.ingress.downstream_rq_active', 0)
proxy.wait_stat('http.ingress.downstream_cx_active', 0)
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
expect(proxy.stat('http.ingress.downstream_cx_destroy_remote_active_rq'), 1)
gate.set()
