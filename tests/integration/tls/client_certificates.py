# SPDX-License-Identifier: Apache-2.0
"""A client certificate that is required: shown, trusted and in time, or no request is heard; x-forwarded-client-cert and the
access log tell of it. One that is only wished for may be missing."""
import ssl

from harness import *

authority, stranger = Authority(), Authority('Somebody else')
server = authority.issue('a.example')
good = authority.issue('client.example', 'DNS:client.example', 'URI:spiffe://a/client')
log = f'{TMP}/access.log'
upstream = Upstream(answer(b'hello'))


def chain(prefix, **outer):
    tls = downstream_tls(server, outer=outer, validation_context={'trusted_ca': {'filename': authority.path}})
    return filter_chain(hcm(stat_prefix=prefix, forward_client_cert_details='SANITIZE_SET', set_current_client_cert_details={
        'subject': True, 'dns': True, 'uri': True},
        access_log=[access_log(log, '%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_URI_SAN%\n')]), tls=tls)


proxy = Proxy(bootstrap([listener(name='strict', filter_chains=[chain('strict', require_client_certificate=True)]),
                         listener(name='lenient', filter_chains=[chain('lenient')], stat_prefix='lenient')],
                        [cluster('up', upstream.port)]))
strict, lenient = proxy.port_of('strict'), proxy.port_of('lenient')


def is_refused(port, version, certificate=None):
    """TLS 1.3 lets the client believe that it is through; the alert comes with its first read."""
    try:
        with TlsClient(port, authority, version=version, certificate=certificate) as client:
            client.request('/')
    except (ssl.SSLError, ConnectionError):
        return True
    return False


bad = [None, authority.issue('client.example', days=-1), stranger.issue('client.example')]
for version in ('TLSv1.2', 'TLSv1.3'):
    for certificate in bad:
        expect(is_refused(strict, version, certificate), True, f'{version} {certificate}')
    expect([is_refused(lenient, version, one) for one in bad], [False, True, True], version)
    with TlsClient(strict, authority, version=version, certificate=good) as client:
        expect(client.request('/', headers={'x-forwarded-client-cert': 'By=me'}).body, b'hello')
    expect(upstream.requests[-1].headers['x-forwarded-client-cert'].split(';', 1)[1],
           'Subject="CN=client.example";URI=spiffe://a/client;DNS=client.example')
stats = proxy.stats()
expect(stats['http.strict.downstream_rq_total'], 2)
expect(stats['listener.127.0.0.1_0.ssl.fail_verify_no_cert'], 2)
expect(stats['listener.127.0.0.1_0.ssl.fail_verify_error'], 4)
expect(stats['listener.lenient.ssl.no_certificate'], 2)
expect(stats['listener.lenient.ssl.fail_verify_error'], 4)
proxy.end()
expect(sorted(open(log).read().splitlines()), ['- -'] * 2 + ['CN=client.example spiffe://a/client'] * 2)
