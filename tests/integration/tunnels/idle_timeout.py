# SPDX-License-Identifier: Apache-2.0
"""The route timeout ends with the handshake; a tunnel in which nothing moves is cut by the idle timeout, in order."""
from harness import *

upstream = Upstream(tunnel_echo())
routes = [route('/', timeout='0.1s', idle_timeout='0.6s')]
proxy = Proxy(config(cluster('up', upstream.port), routes=routes, upgrade_configs=[{'upgrade_type': 'websocket'}]))
with Client(proxy.port) as client:
    client.send(UPGRADE)
    expect(client.response().status, 101)
    expect(client.rest(), ('eof', b''))
expect(proxy.stat('http.ingress.downstream_rq_idle_timeout'), 1)
expect(proxy.stat('cluster.up.upstream_rq_timeout'), 0)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)

silent = Upstream(lambda request, connection: connection.take(1))
proxy = Proxy(config(cluster('up', silent.port), routes=routes, upgrade_configs=[{'upgrade_type': 'websocket'}]))
with Client(proxy.port) as client:
    client.send(UPGRADE)
    expect((client.response().status, proxy.stat('cluster.up.upstream_rq_timeout')), (504, 1))
