# SPDX-License-Identifier: Apache-2.0
"""A client that goes away in mid-request ends the upstream request; the gauges come back to zero."""
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(answer(gate=gate))
proxy = Proxy(config(cluster('up', upstream.port)))
client = Client(proxy.port)
client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
proxy.wait_stat('http.ingress.downstream_rq_active', 1)
client.close()
proxy.wait_stat('http.ingress.downstream_rq_active', 0)
proxy.wait_stat('http.ingress.downstream_cx_active', 0)
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
gate.set()
expect(get(proxy.port).status, 200)
