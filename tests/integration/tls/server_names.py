# SPDX-License-Identifier: Apache-2.0
"""The filter chain by server name: exact, wildcard, default chain; by ALPN; plain and TLS on one port. The chain's name is in
the access log, and each has its certificate and its routes."""
import ssl

from harness import *

authority = Authority()
log = f'{TMP}/access.log'


def chain(name, match=None, tls=True, alpn=('h2', 'http/1.1')):
    manager = hcm(direct('/', 200, name), stat_prefix=name, access_log=[access_log(log, '%FILTER_CHAIN_NAME%\n')])
    certificate = downstream_tls(authority.issue(f'{name}.example'), alpn_protocols=list(alpn)) if tls else None
    return filter_chain(manager, match, certificate, name=name)


value = bootstrap([listener(
    filter_chains=[chain('exact', {'server_names': ['www.a.example', 'A.example']}),
                   chain('wildcard', {'server_names': ['*.a.example']}),
                   chain('protocol', {'server_names': ['alpn.example'], 'application_protocols': ['http/1.1']}),
                   chain('plain', {'transport_protocol': 'raw_buffer'}, tls=False)],
    default_filter_chain=chain('default'))], [])
proxy = Proxy(value)


def asked(sni, **how):
    with TlsClient(proxy.port, sni=sni, **how) as client:
        body = client.request('/').body.decode()
        expect(client.common_name, f'{body}.example', 'a chain and its certificate')
        return body


for sni, name in [('www.a.example', 'exact'), ('a.example', 'exact'), ('WWW.A.example', 'exact'), ('x.a.example', 'wildcard'),
                  ('x.y.a.example', 'wildcard'), ('b.example', 'default'), (None, 'default')]:
    expect(asked(sni), name, sni)
expect(asked('alpn.example', alpn=['http/1.1']), 'protocol')
expect(asked('alpn.example'), 'default', 'what was dropped does not come back')
expect(get(proxy.port, '/').body, b'plain')
with TlsClient(proxy.port, alpn=['h2']) as client:
    expect(client.alpn, 'h2')

stats = proxy.stats()
expect([stats['tls_inspector.' + name] for name in ('tls_found', 'sni_found', 'sni_not_found', 'alpn_found', 'alpn_not_found')],
       [10, 9, 1, 2, 8])
expect((stats['tls_inspector.tls_not_found'], stats['listener.127.0.0.1_0.no_filter_chain_match']), (1, 0))
expect((stats['http.exact.downstream_cx_ssl_total'], stats['http.plain.downstream_cx_total']), (4, 1))
expect(stats['listener.127.0.0.1_0.downstream_cx_total'], 11)
proxy.end()
lines = open(log).read().splitlines()
expect(sorted(lines), sorted(['exact'] * 3 + ['wildcard'] * 2 + ['default'] * 3 + ['protocol', 'plain']))

del value['static_resources']['listeners'][0]['default_filter_chain']
proxy = Proxy(value)
try:
    TlsClient(proxy.port, sni='b.example')
    raise AssertionError('there is no chain for it')
except (ssl.SSLError, ConnectionError):
    pass
proxy.wait_stat('listener.127.0.0.1_0.no_filter_chain_match', 1)
expect(asked('a.example'), 'exact')
