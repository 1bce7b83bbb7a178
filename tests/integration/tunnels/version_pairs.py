# SPDX-License-Identifier: Apache-2.0
"""WebSocket and CONNECT over HTTP/2 between two proxies: extended CONNECT on the wire, an upgrade at both ends."""
from harness import *
from harness.http2_frames import ENABLE_CONNECT_PROTOCOL, END_STREAM, HEADERS

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

# A peer that does not offer extended CONNECT (RFC 8441, 3) is not asked: the client is told, nothing hangs.
plain = Nghttpd()
log = f'{TMP}/access.log'
front = Proxy(config(cluster('up', plain.port, **speaks('http2', allow_connect=True)), routes=routes, upgrade_configs=upgrades,
                     access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')]),
              '--concurrency', '1', '--file-flush-interval-msec', '20')
for _ in range(2):
    with Client(front.port) as client:
        client.send(UPGRADE)
        response = client.response()
        expect((response.status, response.body.decode()), (502, 'upstream connect error or disconnect/reset before headers. '
                                                           'reset reason: extended CONNECT not offered'))
wait_for('two lines', lambda: open(log).read().count('\n') == 2)
expect(open(log).read(), '502 UPE upstream_reset_before_response_started{extended_CONNECT_not_offered}\n' * 2)
expect(get(front.port).body, b'hello\n')
front.wait_stat('cluster.up.upstream_rq_active', 0)
stats = front.stats()
expect((stats['cluster.up.upstream_cx_total'], stats['cluster.up.upstream_cx_protocol_error']), (1, 0), 'one connection, and it is sound')


# The offer is waited for, by upgrades only.
def offers_late(peer):
    flags = []
    while not flags:  # its own SETTINGS are the first that a server says
        head = peer.take(9)
        peer.take(int.from_bytes(head[:3], 'big'))
        if head[3] == HEADERS:
            flags.append(head[4])
    expect(flags[0] & END_STREAM, END_STREAM, 'the GET')
    peer.settings({ENABLE_CONNECT_PROTOCOL: 1})
    flags, stream, _ = peer.wait(HEADERS)
    expect(flags & END_STREAM, 0, 'the upgrade')
    peer.headers(stream)
    peer.data(stream, b'open')
    peer.until_closed()


late = Http2Peer(offers_late, settings=None)
front = Proxy(config(cluster('up', late.port, **speaks('http2', allow_connect=True)), routes=routes, upgrade_configs=upgrades),
              '--concurrency', '1')
with Client(front.port) as client, Client(front.port) as other:
    client.send(UPGRADE)
    front.wait_stat('cluster.up.upstream_rq_active', 1)
    other.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    expect(client.response().status, 101)
    expect(client.take(4), b'open')
expect(late.errors, [])

# Who never says anything is waited for as long as the route's timeout.
silent = Http2Peer(lambda peer: peer.take(1 << 30), settings=None)
routes[1]['route']['timeout'] = '0.3s'
front = Proxy(config(cluster('up', silent.port, **speaks('http2', allow_connect=True)), routes=routes, upgrade_configs=upgrades))
with Client(front.port) as client:
    client.send(UPGRADE)
    expect(client.response().status, 504)
front.wait_stat('cluster.up.upstream_rq_active', 0)
