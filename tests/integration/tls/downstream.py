# SPDX-License-Identifier: Apache-2.0
"""A listener speaks TLS 1.2 and 1.3 with the certificate that the client can use, HTTP/1 or HTTP/2 by ALPN; the request and
the access log tell of it; the stats count it."""
import ssl
import subprocess

from harness import *

authority = Authority()
certificates = [authority.issue('a.example', key='ec'), authority.issue('a.example', key='rsa')]
log = f'{TMP}/access.log'
text = '%PROTOCOL% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_LOCAL_DNS_SAN% %REQUESTED_SERVER_NAME%\n'
upstream = Upstream(answer(b'hello'))
chain = filter_chain(hcm(access_log=[access_log(log, text)]), tls=downstream_tls(*certificates, alpn_protocols=['h2', 'http/1.1']))
proxy = Proxy(bootstrap([listener(filter_chains=[chain])], [cluster('up', upstream.port)]), '--concurrency', '1')

for version, ciphers, kind in [('TLSv1.3', None, 'ec'), ('TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ec'),
                               ('TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256', 'rsa')]:
    with TlsClient(proxy.port, authority, version=version, ciphers=ciphers) as client:
        expect((client.version, client.alpn, client.key_type), (version, None, kind))
        for _ in range(2):
            expect(client.request('/').body, b'hello')
expect([one.headers['x-forwarded-proto'] for one in upstream.requests], ['https'] * 6)
with TlsClient(proxy.port, authority, alpn=['http/1.1']) as client:
    expect((client.alpn, client.request('/').body), ('http/1.1', b'hello'))
curl = ['curl', '-sS', '--cacert', authority.path, '--resolve', f'a.example:{proxy.port}:127.0.0.1', '-w', ' %{http_version}']
expect(subprocess.check_output([*curl, f'https://a.example:{proxy.port}/'], timeout=30), b'hello 2')
try:
    TlsClient(proxy.port, version='TLSv1.2', ciphers='AES128-SHA')
    raise AssertionError('a cipher that is not offered was agreed on')
except ssl.SSLError:
    pass

stats = proxy.stats()
prefix = 'listener.127.0.0.1_0.ssl.'
expect(stats[prefix + 'handshake'], 5)
expect(stats[prefix + 'versions.TLSv1.3'], 3)
expect(stats[prefix + 'ciphers.ECDHE-RSA-AES128-GCM-SHA256'], 1)
expect(stats[prefix + 'connection_error'], 1)
expect(stats['http.ingress.downstream_cx_ssl_total'], 6)
proxy.wait_stat('http.ingress.downstream_cx_ssl_active', 0)
proxy.end()
lines = open(log).read().splitlines()
expect_in('HTTP/1.1 TLSv1.3 TLS_', lines[0])
expect(lines[4], 'HTTP/1.1 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 a.example a.example')
expect_in('HTTP/2 TLSv1.3', lines[-1])
