# SPDX-License-Identifier: Apache-2.0
"""A client whose answer broke off may leave late: what became of its stream meanwhile serves another client, and goes on."""
import threading

from harness import *

gate = threading.Event()


def respond(request, connection):
    if request.path == '/broken':
        return raw(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this')(request, connection)
    answer(b'whole', gate=gate)(request, connection)


upstream = Upstream(respond)
proxy = Proxy(config(cluster('up', upstream.port), delayed_close_timeout='30s'), '--concurrency', '1')
broken, patient = Client(proxy.port), Client(proxy.port)
broken.send(b'GET /broken HTTP/1.1\r\nhost: a\r\n\r\n')
expect(broken.rest()[0], 'eof')
patient.send(b'GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
wait_for('the second request is under way', lambda: len(upstream.requests) == 2)
broken.close()
proxy.wait_stat('http.ingress.downstream_cx_destroy', 1)
gate.set()
expect(patient.response().body, b'whole')
