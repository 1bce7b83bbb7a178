# SPDX-License-Identifier: Apache-2.0
"""More requests than max_pending_requests and max_connections allow: 503 UO with x-envoy-overloaded."""
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(answer(gate=gate))
limits = {'circuit_breakers': {'thresholds': [{'max_connections': 1, 'max_pending_requests': 1}]}}
proxy = Proxy(config(cluster('up', upstream.port, **limits)), '--concurrency', '1')
clients = [Client(proxy.port) for _ in range(2)]
clients[0].send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
wait_for('the first is upstream', lambda: len(upstream.requests) == 1)  # until then it is pending itself
clients[1].send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
proxy.wait_stat('http.ingress.downstream_rq_active', 2)
response = get(proxy.port)
expect((response.status, response.headers.get('x-envoy-overloaded')), (503, 'true'))
expect_in(b'overflow', response.body)
gate.set()
expect([client.response().status for client in clients], [200, 200])
