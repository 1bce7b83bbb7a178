# SPDX-License-Identifier: Apache-2.0
"""A request that is under way when the reload comes is finished by the generation that has it."""
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(answer(b'slow\n', gate=gate))
supervisor = Supervisor(config(cluster('up', upstream.port), routes=[direct('/new', 200), route(timeout='0s')]))
client = Client(supervisor.port)
client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
wait_for('the request is upstream', lambda: len(upstream.requests) == 1)
supervisor.reload()
expect([one['state'] for one in supervisor.generations()], ['draining', 'live'])
gate.set()
expect(client.response().body, b'slow\n')
client.close()
wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 10)
