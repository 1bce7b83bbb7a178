# SPDX-License-Identifier: Apache-2.0
"""TLS upstream that asks for a certificate: nginx sees ours, refuses another authority's, and a request without one."""
from harness import *

authority, others = Authority('Ours'), Authority('Others')
server, client, stranger = authority.issue('a.test'), authority.issue('client'), others.issue('client')
upstream = Nginx(Nginx.tls(server) + f'ssl_client_certificate {authority.path}; ssl_verify_client on; location / {{ return 200 "ok\\n"; }}',
                 listen='ssl', format='$status $ssl_client_verify $ssl_client_s_dn')
for certificate, status, line in ((client, 200, '200 SUCCESS CN=client'), (None, 400, '400 NONE -'), (stranger, 400, '400 FAILED:')):
    proxy = Proxy(config(cluster('up', upstream.port, transport_socket=upstream_tls(authority, 'a.test', certificate))), '--concurrency', '1')
    expect(get(proxy.port).status, status)
    proxy.wait_stat('cluster.up.ssl.handshake', 1)
    proxy.end()
    wait_for('nginx has written', lambda: upstream.requests()[-1].startswith(line))

# A server that ends the handshake for it: by TLS 1.2 an error of the connection.
demanding = OpensslServer(server, '-Verify', '1', '-CAfile', authority.path, '-verify_return_error')
proxy = Proxy(config(cluster('up', demanding.port, transport_socket=upstream_tls(authority, 'a.test'))), '--concurrency', '1')
expect(get(proxy.port).status, 503)
expect((proxy.stat('cluster.up.ssl.connection_error'), proxy.stat('cluster.up.upstream_cx_connect_fail')), (1, 1))
proxy = Proxy(config(cluster('up', demanding.port, transport_socket=upstream_tls(authority, 'a.test', client))), '--concurrency', '1')
expect(get(proxy.port).status, 200)
