# SPDX-License-Identifier: Apache-2.0
"""WebSocket and CONNECT over HTTP/2 between two proxies: extended CONNECT on the wire, an upgrade at both ends."""
from harness import *

CONNECT = {'match': {'connect_matcher': {}}, 'route': {'cluster': 'up'}}
upstream = Upstream(tunnel_echo())
upgrades = [{'upgrade_type': 'websocket'}, {'upgrade_type': 'CONNECT'}]
routes = [CONNECT, route()]
back = Proxy(config(cluster('up', upstream.port), routes=routes, upgrade_configs=upgrades, http2_protocol_options={'allow_connect': True}))
front = Proxy(config(cluster('up', back.port, **speaks('http2', allow_connect=True)), routes=routes, upgrade_configs=upgrades))

with Client(front.port) as client:
    client.send(UPGRADE + b'early')
    response = client.response()
    expect((response.status, response.headers['upgrade'], response.headers['connection']), (101, 'websocket', 'Upgrade'))
    expect(client.take(5), b'EARLY')
    seen = upstream.requests[0]
    expect((seen.method, seen.headers['connection'], seen.headers['upgrade']), ('GET', 'Upgrade', 'websocket'))
    client.send(b'x' * 1_000_000)
    expect_true(client.take(1_000_000) == b'X' * 1_000_000, 'much passes too')
    expect(client.socket.getpeername()[1], front.port)
    # Others share the connection.
    expect(get(front.port).body, b'hello\n')
    expect(front.stat('cluster.up.upstream_cx_http2_total') <= 2, True)
    client.finish()
    expect(client.rest(), ('eof', b'bye'), 'what the upstream says after the end of the client still arrives')

with Client(front.port) as client:
    client.send('CONNECT a.test:80 HTTP/1.1\r\nhost: a.test:80\r\n\r\n')
    expect(client.response(head_only=True).status, 200)
    client.send(b'through')
    expect(client.take(7), b'THROUGH')
    expect((upstream.requests[-1].method, upstream.requests[-1].path), ('CONNECT', 'a.test:80'))
    client.finish()
    expect(client.rest(), ('eof', b'bye'))
for proxy in (front, back):
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
    proxy.wait_stat('http.ingress.downstream_cx_upgrades_active', 0)

# A peer that does not do extended CONNECT: the client is told, nothing hangs.
plain = Nghttpd()
front = Proxy(config(cluster('up', plain.port, **speaks('http2', allow_connect=True)), routes=routes, upgrade_configs=upgrades))
with Client(front.port) as client:
    client.send(UPGRADE)
    response = client.response()
    expect_true(response.status in (503, 502), f'refused: {response}')
expect(get(front.port).body, b'hello\n')
