# SPDX-License-Identifier: Apache-2.0
"""What the log says of the upstream's TLS session and certificates, also when its connection ended before the line."""
import re

from harness import *

authority = Authority('Somebody')
served = authority.issue('up.example', 'DNS:up.example', 'IP:127.0.0.1', 'URI:spiffe://up')
own = authority.issue('client', 'DNS:client.example')
# With -www it answers once and closes, and that ends the response.
server = Program(['openssl', 's_server', '-accept', '127.0.0.1:0', '-www', '-cert', served.chain, '-key', served.key,
                  '-CAfile', authority.path, '-Verify', '1'], name='s_server')
server.wait_log('ACCEPT 127.0.0.1:')
port = int(server.log.split('ACCEPT 127.0.0.1:')[1].split()[0])
plain = Upstream()
names = ('TLS_VERSION', 'TLS_CIPHER', 'TLS_SESSION_ID', 'PEER_SUBJECT', 'PEER_ISSUER', 'PEER_URI_SAN', 'PEER_DNS_SAN',
         'PEER_IP_SAN', 'LOCAL_URI_SAN', 'LOCAL_DNS_SAN', 'LOCAL_IP_SAN', 'PEER_CERT_V_START(%Y)', 'PEER_CERT')
log = f'{TMP}/access.log'
proxy = Proxy(
    config(cluster('up', port, transport_socket=upstream_tls(authority, sni='up.example', certificate=own)),
           cluster('plain', plain.port), routes=[route('/plain', cluster='plain'), route('/', cluster='up')],
           access_log=[access_log(log, '|'.join(f'%UPSTREAM_{name}%' for name in names) + '\n')]),
    '--file-flush-interval-msec', '50', '--concurrency', '1')

with Client(proxy.port) as client:
    expect(client.request('/').status, 200)
with Client(proxy.port) as client:
    expect(client.request('/plain').status, 200)
wait_for('two lines', lambda: open(log).read().count('\n') == 2)
tls, without = (dict(zip(names, line.split('|'))) for line in open(log).read().splitlines())
expect(set(without.values()), {'-'})
expect_true(re.fullmatch('[0-9a-f]{64}', tls.pop('TLS_SESSION_ID')), 'a session id')
expect_true(re.fullmatch('20[0-9]{2}', tls.pop('PEER_CERT_V_START(%Y)')), 'a year')
expect_true(tls.pop('PEER_CERT').startswith('-----BEGIN%20CERTIFICATE-----%0A'), 'a certificate')
expect(tls, {'TLS_VERSION': 'TLSv1.2', 'TLS_CIPHER': 'ECDHE-ECDSA-AES128-GCM-SHA256', 'PEER_SUBJECT': 'CN=up.example',
             'PEER_ISSUER': 'CN=Somebody', 'PEER_URI_SAN': 'spiffe://up', 'PEER_DNS_SAN': 'up.example', 'PEER_IP_SAN': '127.0.0.1',
             'LOCAL_URI_SAN': '-', 'LOCAL_DNS_SAN': 'client.example', 'LOCAL_IP_SAN': '-'})
