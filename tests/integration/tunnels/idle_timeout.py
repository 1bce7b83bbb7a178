# SPDX-License-Identifier: Apache-2.0
"""The route timeout ends with the handshake; a tunnel in which nothing moves is cut by the idle timeout, in order."""
from harness import *
from harness import http2_frames as h2

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

# Also where the client has said at once that it will say nothing more, which only HTTP/2 allows.
mute = Http2Peer(lambda peer: peer.until_closed(), settings={h2.ENABLE_CONNECT_PROTOCOL: 1})
connect = {**route(timeout='0.1s'), 'match': {'connect_matcher': {}}}
proxy = Proxy(config(cluster('up', mute.port, **speaks('http2', allow_connect=True)), routes=[connect, *routes],
                     upgrade_configs=[{'upgrade_type': 'websocket'}, {'upgrade_type': 'CONNECT'}],
                     http2_protocol_options={'allow_connect': True}))
with Http2Client(proxy.port) as client:
    plain = client.reserve()
    client.send(h2.headers(plain, [(':method', 'CONNECT'), (':authority', 'a.test:80')], True))
    extended = client.open(method='CONNECT', headers=[(':protocol', 'websocket')])
    expect([client.response(stream).status for stream in (plain, extended)], [504, 504])
expect(proxy.stat('cluster.up.upstream_rq_timeout'), 2)
