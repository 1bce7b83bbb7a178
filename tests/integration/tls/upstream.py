# SPDX-License-Identifier: Apache-2.0
"""A cluster with TLS: the server is asked for by name and verified; an untrusted one is 503 UF."""
from harness import *

trusted, other = Authority('Trusted'), Authority('Other')
named, unnamed = trusted.issue('up.example'), other.issue('other.example')
# It shows the trusted certificate only to who asks for up.example.
server = Program(['openssl', 's_server', '-accept', '127.0.0.1:0', '-www', '-cert', unnamed.chain, '-key', unnamed.key,
                  '-servername', 'up.example', '-cert2', named.chain, '-key2', named.key], name='s_server')
server.wait_log('ACCEPT 127.0.0.1:')
port = int(server.log.split('ACCEPT 127.0.0.1:')[1].split()[0])

log = f'{TMP}/access.log'
proxy = Proxy(
    config(cluster('good', port, transport_socket=upstream_tls(trusted, sni='up.example')),
           cluster('bad', port, transport_socket=upstream_tls(trusted, sni='other.example')),
           routes=[route('/bad', cluster='bad'), route('/', cluster='good')],
           access_log=[access_log(log, '%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n')]),
    '--file-flush-interval-msec', '50')

response = get(proxy.port, '/')
expect(response.status, 200)
expect_in(b'New, TLSv1.2', response.body)  # Envoy's default for clients
expect(proxy.stat('cluster.good.ssl.handshake'), 1)
expect(proxy.stat('cluster.good.ssl.versions.TLSv1.2'), 1)

response = get(proxy.port, '/bad')
expect(response.status, 503)
# As Envoy 1.40: why is in the access log, and no business of the client.
expect(response.body, b'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure')
expect(proxy.stat('cluster.bad.ssl.fail_verify_error'), 1)
expect(proxy.stat('cluster.bad.ssl.connection_error'), 0)  # it is counted by its reason
expect(proxy.stat('cluster.bad.ssl.handshake'), 0)
expect(proxy.stat('cluster.bad.upstream_cx_connect_fail'), 1)
wait_for('two lines', lambda: open(log).read().count('\n') == 2)
expect(sorted(open(log).read().splitlines()), [
    '- -', 'UF TLS_error:|167772294:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end'])
