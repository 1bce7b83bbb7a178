# SPDX-License-Identifier: Apache-2.0
"""SIGTERM drains and stops, bounded; SIGINT stops now; heirloomctl stop is the same as SIGTERM. Exit code 0 each time."""
import signal
import threading
import time

from harness import *

gate = threading.Event()
upstream = Upstream(answer(b'slow\n', gate=gate))
supervisor = Supervisor(config(cluster('up', upstream.port)), flags=['--stop-drain-time-s', '20'])
client = Client(supervisor.port)
client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
wait_for('the request is upstream', lambda: len(upstream.requests) == 1)
supervisor.signal(signal.SIGTERM)
supervisor.wait_log('drain')
gate.set()
expect(client.response().body, b'slow\n')
client.close()
expect(supervisor.wait(15), 0)
for way in ('ctl', signal.SIGINT):
    gate.clear()
    supervisor = Supervisor(config(cluster('up', upstream.port)), flags=['--stop-drain-time-s', '1', '--terminate-grace-s', '1'])
    client = Client(supervisor.port)
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    supervisor.wait_stat('http.ingress.downstream_rq_active', 1)
    start = time.monotonic()
    if way == 'ctl':
        expect(supervisor.ctl('stop')[0], 0)
    else:
        supervisor.signal(way)
    expect(supervisor.wait(15), 0, str(way))
    gate.set()
