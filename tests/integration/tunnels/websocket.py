# SPDX-License-Identifier: Apache-2.0
"""An upgrade through the proxy: the handshake passes, bytes flow both ways, each side ends by itself."""
from harness import *

upstream = Upstream(tunnel_echo())
proxy = Proxy(config(cluster('up', upstream.port), upgrade_configs=[{'upgrade_type': 'websocket'}]))
with Client(proxy.port) as client:
    client.send(UPGRADE + b'early')
    response = client.response()
    expect((response.status, response.headers['upgrade'], response.headers['connection']), (101, 'websocket', 'Upgrade'))
    expect(client.take(5), b'EARLY')
    seen = upstream.requests[0]
    expect((seen.headers['connection'], seen.headers['upgrade']), ('Upgrade', 'websocket'))
    expect('content-length' in seen.headers or 'transfer-encoding' in seen.headers, False)
    client.send(b'GET / HTTP/1.1\r\n\r\n')  # bytes like any other
    expect(client.take(18), b'GET / HTTP/1.1\r\n\r\n')
    proxy.wait_stat('http.ingress.downstream_cx_upgrades_active', 1)
    client.finish()
    expect(client.rest(), ('eof', b'bye'), 'what the upstream says after the end of the client still arrives')
proxy.wait_stat('http.ingress.downstream_cx_upgrades_active', 0)
expect(proxy.stat('http.ingress.downstream_cx_upgrades_total'), 1)
expect(proxy.stat('http.ingress.downstream_rq_rx_reset'), 0)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)  # never used again
expect(get(proxy.port).status, 200)
