# SPDX-License-Identifier: Apache-2.0
"""connection_keepalive: a client is asked by PING; one that answers stays, one that is silent is cut off with all its streams."""
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(answer(b'hello\n', gate=gate))
proxy = Proxy(config(cluster('up', upstream.port), http2_protocol_options={'connection_keepalive': {
    'interval': '0.1s', 'timeout': '0.5s', 'interval_jitter': {'value': 10}}}))


def pings(client):
    return len([one for one in client.frames if one.type == h2.PING and not one.flags & h2.ACK])


dead = Http2Client(proxy.port)
dead.answers_pings = False
stream = dead.open()
proxy.wait_stat('http.ingress.downstream_rq_active', 1)
dead.wait_end()
expect((pings(dead), dead.goaways, dead.exchange(stream).over), (1, [], False))
proxy.wait_stat('http.ingress.downstream_cx_destroy_local_active_rq', 1)
expect(proxy.stat('http2.keepalive_timeout'), 1)
proxy.wait_stat('http.ingress.downstream_rq_active', 0)

alive = Http2Client(proxy.port)
waiting = alive.open()
alive.wait(lambda: pings(alive) >= 10, 'ten PINGs, more than the timeout')
gate.set()
expect(alive.response(waiting).body, b'hello\n')
expect(proxy.stat('http2.keepalive_timeout'), 1)
