# SPDX-License-Identifier: Apache-2.0
"""A side that does not read stops the other; nothing is lost when it reads again, and memory stays bounded."""
import threading

from harness import *

SIZE = 64 * 1024 * 1024
gate = threading.Event()
counted = []


def slow(connection):
    gate.wait(60)
    total = 0
    while data := connection.socket.recv(1 << 20):
        total += len(data)
    counted.append(total)
    for _ in range(SIZE >> 20):
        connection.send(bytes(1 << 20))


def resident_mb():
    return next(int(line.split()[1]) // 1024 for line in open(f'/proc/{proxy.pid}/status') if line.startswith('VmRSS'))


upstream = RawUpstream(slow)
proxy = Proxy(tcp_config(cluster('up', upstream.port)), '--concurrency', '1')
before = resident_mb()
with Client(proxy.port, timeout=60) as client:
    def pour():
        for _ in range(SIZE >> 20):
            client.send(bytes(1 << 20))
        client.finish()
    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    proxy.wait_stat('tcp.tcp.downstream_flow_control_paused_reading_total', lambda count: count > 0)
    gate.set()
    wait_for('the upstream has all', lambda: counted == [SIZE], 30)
    proxy.wait_stat('cluster.up.upstream_flow_control_paused_reading_total', lambda count: count > 0)
    count = 0
    while data := client.socket.recv(1 << 20):
        count += len(data)
    expect(count, SIZE)
    thread.join(10)
expect_true(resident_mb() - before < 24 or 'release' not in BUILD, f'memory stays bounded: {before} -> {resident_mb()} MB')
