# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of the live generation: connects wait in the shards and are answered by the next one; counters go on."""
import os
import signal

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]))
port = supervisor.port
for _ in range(11):
    get(port)
for kill in range(2):
    epoch, pid = supervisor.live()['epoch'], supervisor.live()['pid']
    os.kill(pid, signal.SIGKILL)
    clients = [Client(port) for _ in range(20)]  # connected by the kernel, served by the next generation
    for client in clients:
        expect(client.request('/').body, b'ok')
        client.close()
    expect_true(supervisor.wait_live()['epoch'] > epoch, 'a new epoch')
expect(supervisor.segment_stat('http.ingress.downstream_rq_completed'), 11 + 40)
expect(supervisor.stat('http.ingress.downstream_rq_total'), 11 + 40)
supervisor.reload()
expect(get(port).body, b'ok')
