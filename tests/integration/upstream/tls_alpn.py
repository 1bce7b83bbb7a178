# SPDX-License-Identifier: Apache-2.0
"""TLS upstream: auto_config takes HTTP/2 where the handshake offers it, else HTTP/1.1; explicit protocols say so in ALPN."""
from harness import *

authority = Authority()
certificate = authority.issue('a.test')
newer = Nginx(Nginx.tls(certificate) + "location / { return 200 '$server_protocol\\n'; }", listen='ssl http2')
older = Nginx(Nginx.tls(certificate) + "location / { return 200 '$server_protocol\\n'; }", listen='ssl')
no_alpn = OpensslServer(certificate)
only2 = Nghttpd(certificate=certificate)


def proxy_to(port, protocol, **tls):
    return Proxy(config(cluster('up', port, transport_socket=upstream_tls(authority, 'a.test', **tls), **speaks(protocol))), '--concurrency', '1')


for server, protocol, spoken in ((newer, 'alpn', b'HTTP/2.0\n'), (older, 'alpn', b'HTTP/1.1\n'), (newer, 'http1', b'HTTP/1.1\n'),
                                 (newer, 'http2', b'HTTP/2.0\n')):
    proxy = proxy_to(server.port, protocol)
    for http2 in (False, True):
        for _ in range(2):
            expect(curl(f'http://127.0.0.1:{proxy.port}/', http2=http2).body, spoken)
    expect((proxy.stat('cluster.up.upstream_cx_http1_total'), proxy.stat('cluster.up.upstream_cx_http2_total')),
           (0, 1) if spoken.startswith(b'HTTP/2') else (1, 0))
    counts = h2load(f'http://127.0.0.1:{proxy.port}/', requests=500, streams=20)
    expect(counts['2xx'], 500)
    proxy.end()
proxy = proxy_to(no_alpn.port, 'alpn')
expect(get(proxy.port).status, 200)
expect(proxy.stat('cluster.up.upstream_cx_http1_total'), 1)
expect(get(proxy_to(only2.port, 'alpn').port).body, b'hello\n')
# What the configuration names is what is offered.
expect(get(proxy_to(newer.port, 'alpn', alpn_protocols=['http/1.1']).port).body, b'HTTP/1.1\n')
