# SPDX-License-Identifier: Apache-2.0
"""Upgrades that are not allowed, not granted, or not possible; nothing behind a refused one is read as a request."""
from harness import *

upstream = Upstream(lambda request, connection: (answer(b'no', 401) if request.path == '/no' else answer())(request, connection))
routes = [route('/off', upgrade_configs=[{'upgrade_type': 'websocket', 'enabled': False}]),
          route('/foo', upgrade_configs=[{'upgrade_type': 'foo'}]), route('/')]
proxy = Proxy(config(cluster('up', upstream.port), routes=routes, upgrade_configs=[{'upgrade_type': 'websocket'}]))


def ask(data, status, body=b''):
    with Client(proxy.port) as client:
        client.send(data)
        response = client.response()
        expect((response.status, response.body), (status, body), f'{data[:80]!r}')
        if status != 200:
            expect(client.rest(), ('eof', b''), 'and the connection ends')


smuggled = b'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n'
ask(UPGRADE.replace(b'GET / ', b'GET /off ') + smuggled, 403)
ask(UPGRADE.replace(b'websocket', b'foo') + smuggled, 403)
ask(UPGRADE.replace(b'websocket', b'websocket, foo') + smuggled, 403)
ask(b'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n' + smuggled, 404)
expect(proxy.stat('http.ingress.downstream_rq_ws_on_non_ws_route'), 3)
expect(upstream.requests, [])

ask(UPGRADE.replace(b'GET / ', b'GET /no ') + smuggled, 401, b'no')
expect([request.path for request in upstream.requests], ['/no'])
proxy.wait_stat('cluster.up.upstream_cx_active', 0)

# A server may ignore an upgrade: of h2c, and where a body comes first.
for head in (UPGRADE.replace(b'websocket', b'h2c'), UPGRADE[:-2] + b'content-length: 2\r\n\r\nok'):
    ask(head, 200, b'hello\n')
    expect('upgrade' in upstream.requests[-1].headers, False)
