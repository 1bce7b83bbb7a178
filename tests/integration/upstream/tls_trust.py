# SPDX-License-Identifier: Apache-2.0
"""TLS upstream: whom the proxy believes, what the client and the log hear of it, and how it is counted."""
import hashlib
import ssl

from harness import *

ours, others = Authority('Ours'), Authority('Others')
good, expired, strange = ours.issue('a.test'), ours.issue('a.test', days=-1), others.issue('a.test')
BODY = b'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure'


def fingerprint(certificate):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.pem[certificate.pem.index('-----BEGIN'):])).hexdigest()


def outcome(server, validation, options=(), **tls):
    """(status, stats that rose, details)."""
    upstream = OpensslServer(server, *options)
    log = f'{TMP}/access-{upstream.port}'
    if validation:
        tls['validation_context'] = validation
    up = cluster('up', upstream.port, transport_socket=upstream_tls(sni='a.test', **tls))
    line = access_log(log, '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %UPSTREAM_TRANSPORT_FAILURE_REASON%\n')
    proxy = Proxy(config(up, access_log=[line]), '--concurrency', '1', '--file-flush-interval-msec', '20')
    response = get(proxy.port)
    wait_for('the line', lambda: open(log).read().endswith('\n'))
    flags, details, failure = open(log).read().split()
    stats = {name.removeprefix('cluster.up.ssl.') for name, value in proxy.stats().items()
             if value and name.startswith('cluster.up.ssl.') and name.count('.') == 3}
    if response.status == 503:
        expect((response.body, flags), (BODY, 'UF'), 'the client is not told why')
        expect_true(details.startswith('upstream_reset_before_response_started{remote_connection_failure|TLS_error:'), details)
        expect_in('TLS_error:', failure)
        expect(proxy.stat('cluster.up.upstream_cx_connect_fail'), 1)
    else:
        expect((response.status, flags), (200, '-'))
    proxy.end()
    upstream.end()
    return response.status, stats, details


def trust(authority, **more):
    return {'trusted_ca': {'filename': authority.path}, **more}


OK, BAD_CHAIN, BAD_NAME = (200, {'handshake'}), (503, {'fail_verify_error'}), (503, {'fail_verify_san'})
UNTRUSTED = (200, {'handshake', 'fail_verify_error'})
names = {'match_typed_subject_alt_names': [{'san_type': 'DNS', 'matcher': {'exact': 'a.test'}}]}
wrong = {'match_typed_subject_alt_names': [{'san_type': 'DNS', 'matcher': {'exact': 'b.test'}}]}
accept = {'trust_chain_verification': 'ACCEPT_UNTRUSTED'}
for what, server, validation, wanted in (
        ('nothing to check against', strange, None, OK),
        ('our CA, whatever the name', good, trust(ours), OK),
        ('our CA and the name', good, trust(ours, **names), OK),
        ('our CA, another name', good, trust(ours, **wrong), BAD_NAME),
        ('unknown CA', strange, trust(ours), BAD_CHAIN),
        ('expired', expired, trust(ours), BAD_CHAIN),
        ('expired, allowed', expired, trust(ours, allow_expired_certificate=True), OK),
        ('unknown CA, accepted', strange, trust(ours, **accept), UNTRUSTED),
        ('expired, accepted', expired, trust(ours, **accept), UNTRUSTED),
        ('unknown CA, accepted, another name', strange, trust(ours, **accept, **wrong), None),
        ('fingerprint', strange, {'verify_certificate_hash': [fingerprint(strange)]}, OK),
        ('another fingerprint', strange, {'verify_certificate_hash': [fingerprint(good)]}, (503, {'fail_verify_cert_hash'}))):
    status, stats, details = outcome(server, validation)
    if wanted is None:
        expect((status, 'fail_verify_san' in stats), (503, True), what)
    else:
        expect((status, stats), wanted, f'{what}: {details}')

# Versions: ours are TLS 1.2 unless said otherwise, as in Envoy.
tls13 = {'tls_maximum_protocol_version': 'TLSv1_3'}
for what, options, parameters, status in (
        ('default', [], {}, 200), ('1.2 only', ['-tls1_2'], {}, 200), ('1.3 only', ['-tls1_3'], {}, 503), ('1.3 both', ['-tls1_3'], tls13, 200),
        ('we ask 1.3, it has 1.2', ['-tls1_2'], {**tls13, 'tls_minimum_protocol_version': 'TLSv1_3'}, 503)):
    seen, stats, details = outcome(good, trust(ours), options, tls_params=parameters)
    expect((seen, 'connection_error' in stats), (status, status == 503), f'{what}: {details}')
