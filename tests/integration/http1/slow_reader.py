# SPDX-License-Identifier: Apache-2.0
"""A client that does not read stops the upstream: memory stays bounded, and the whole body comes in the end."""
import socket

from harness import *

megabytes = 200
def pour(_, connection):
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n' % (megabytes << 20))
    for _ in range(megabytes):
        connection.send(b'z' * (1 << 20))
        sent.append(1)

def resident_mb():
    return next(int(line.split()[1]) // 1024 for line in open(f'/proc/{proxy.pid}/status') if line.startswith('VmRSS'))

sent = []
upstream = Upstream(pour)
proxy = Proxy(config(cluster('up', upstream.port)))
before = resident_mb()
client = Client(proxy.port)
client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
client.until(b'\r\n\r\n')
wait_for('back-pressure reached the upstream', lambda: proxy.stat('cluster.up.upstream_flow_control_paused_reading_total') > 0)
expect_true(len(sent) < megabytes // 2, 'the upstream was stopped early')
expect_true(resident_mb() - before < 60 or 'release' not in BUILD, f'memory stays bounded: {before} -> {resident_mb()} MB')
count = len(client.input)
client.input = b''
while count < megabytes << 20:
    data = client.socket.recv(1 << 20)
    expect_true(data, f'closed after {count} bytes')
    count += len(data)
expect(count, megabytes << 20)
