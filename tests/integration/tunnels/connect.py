# SPDX-License-Identifier: Apache-2.0
"""CONNECT where a route takes it: forwarded, accepted by 200, then raw bytes."""
from harness import *

upstream = Upstream(tunnel_echo())
allowed = [{'upgrade_type': 'CONNECT'}]
routes = [{'match': {'connect_matcher': {}}, 'route': {'cluster': 'up', 'upgrade_configs': allowed}}, route('/')]
proxy = Proxy(config(cluster('up', upstream.port), routes=routes))
with Client(proxy.port) as client:
    client.send(b'CONNECT far:443 HTTP/1.1\r\nhost: far:443\r\n\r\n')
    head = client.until(b'\r\n\r\n')
    expect(head.split(b'\r\n')[0], b'HTTP/1.1 200 OK')
    expect(any(name in head for name in (b'content-length', b'transfer-encoding', b'connection')), False)
    client.send(b'\x16\x03\x01 hello')
    expect(client.take(9), b'\x16\x03\x01 HELLO')
    client.finish()
    expect(client.rest(), ('eof', b'bye'))
expect((upstream.requests[0].method, upstream.requests[0].path), ('CONNECT', 'far:443'))
with Client(proxy.port) as client:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    expect(client.response().status, 200, 'other requests take their own route')
