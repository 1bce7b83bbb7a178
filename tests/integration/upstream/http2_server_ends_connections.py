# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 server that ends each connection after some requests, as nginx does, costs no request, however many are on their way."""
from harness import *

for tls in (False, True):
    listen, server, fields = 'http2', '', {}
    if tls:
        authority = Authority()
        listen, server = 'ssl http2', Nginx.tls(authority.issue('a.test'))
        fields = {'transport_socket': upstream_tls(authority, 'a.test')}
    upstream = Nginx(server + "keepalive_requests 200; location / { return 200 'hello\\n'; }", listen=listen)
    proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2'), **fields)))
    counts = h2load(f'http://127.0.0.1:{proxy.port}/', requests=5000, clients=10, streams=20)
    expect(counts['2xx'], 5000, counts)
    body = h2load(f'http://127.0.0.1:{proxy.port}/', '-d', upstream.root + '/nginx.conf', requests=2000, clients=5, streams=10)
    expect(body['2xx'], 2000, f'with a body: {body}')
    stats = proxy.stats()
    expect(stats['cluster.up.upstream_rq_200'], 7000)
    expect_true(stats['cluster.up.upstream_cx_close_notify'] >= 20, 'connections ended')
    expect((stats['cluster.up.upstream_rq_retry_overflow'], stats['cluster.up.upstream_rq_active']), (0, 0))
    proxy.end()
