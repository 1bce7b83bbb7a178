# SPDX-License-Identifier: Apache-2.0
"""TLS upstream: which name goes out as SNI, and which name the certificate must be for. An address is never sent as SNI."""
import ssl

from harness import *

authority = Authority()
certificate = authority.issue('server', 'DNS:a.test', 'DNS:fixed.test', 'DNS:*.wild.test', 'IP:127.0.0.1', 'IP:::1', 'URI:spiffe://mesh/up')
names = []
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate.chain, certificate.key)
context.sni_callback = lambda connection, name, _: names.append(name)
upstream = Upstream(tls=context)


def outcome(host, outer=None, upstream_http=None, endpoint=None, header=None, **validation):
    """Sends a request for `host`; (status, SNI or None)."""
    names.clear()
    fields = {'validation_context': {**validation, 'trusted_ca': {'filename': authority.path}}}
    up = cluster('up', upstream.port, transport_socket=upstream_tls(outer=outer, **fields), **speaks('http1', upstream=upstream_http))
    if endpoint:
        up['load_assignment']['endpoints'][0]['lb_endpoints'][0]['endpoint']['hostname'] = endpoint
    proxy = Proxy(config(up), '--concurrency', '1')
    status = get(proxy.port, host=host, headers=[('x-sni', header)] if header else []).status
    expect(proxy.stat('cluster.up.ssl.handshake'), 1 if status == 200 else 0)
    expect(proxy.stat('cluster.up.ssl.fail_verify_san'), 0 if status == 200 else 1)
    proxy.end()
    return status, names[0] if names else 'no handshake'


auto = {'auto_sni': True}
checked = {'auto_san_validation': True}
expect(outcome('a.test'), (200, None))
expect(outcome('a.test', outer={'sni': 'fixed.test'}), (200, 'fixed.test'))
expect(outcome('a.test:8443', upstream_http=auto), (200, 'a.test'))
expect(outcome('a.test', outer={'sni': 'fixed.test'}, upstream_http=auto), (200, 'a.test'), 'the host of the request wins')
expect(outcome('a.test', outer={'auto_host_sni': True}, endpoint='host.test'), (200, 'host.test'))
expect(outcome('a.test', upstream_http={**auto, 'override_auto_sni_header': 'x-sni'}, header='other.test:1'), (200, 'other.test'))
expect(outcome('a.test', upstream_http={**auto, 'override_auto_sni_header': 'x-sni'}), (200, 'a.test'))

# An address is no server name.
for host in ('127.0.0.1', '127.0.0.1:443', '[::1]', '[::1]:443'):
    expect(outcome(host, upstream_http=auto), (200, None), host)
    expect(outcome(host, upstream_http={**auto, **checked}), (200, None), f'{host}, which the certificate is for')
    expect(outcome(host, outer={'sni': 'fixed.test'}, upstream_http=auto), (200, 'fixed.test'), host)
expect(outcome('127.0.0.2', upstream_http={**auto, **checked})[0], 503)

# The certificate must be for the host of the request.
for host, status in (('a.test', 200), ('x.wild.test', 200), ('b.test', 503), ('x.y.wild.test', 503), ('wild.test', 503)):
    expect(outcome(host, upstream_http={**auto, **checked}), (status, host))
expect(outcome('a.test', outer={'sni': 'fixed.test'}, upstream_http=checked), (200, 'fixed.test'), 'checked, and not sent')
expect(outcome('b.test', outer={'sni': 'fixed.test'}, upstream_http=checked), (503, 'fixed.test'))
expect(outcome('q', outer={'sni': 'fixed.test', 'auto_sni_san_validation': True}), (200, 'fixed.test'))
expect(outcome('q', outer={'sni': 'c.test', 'auto_sni_san_validation': True}), (503, 'c.test'))


def match(kind, **how):
    return {'match_typed_subject_alt_names': [{'san_type': kind, 'matcher': how}]}


for wanted, status in ((match('DNS', exact='a.test'), 200), (match('DNS', exact='b.test'), 503), (match('DNS', suffix='.test'), 200),
                       (match('DNS', suffix='.com'), 503), (match('DNS', prefix='fix'), 200), (match('URI', exact='spiffe://mesh/up'), 200),
                       (match('URI', prefix='spiffe://other/'), 503), (match('IP_ADDRESS', exact='127.0.0.1'), 200)):
    expect(outcome('q', **wanted)[0], status, wanted)
