# SPDX-License-Identifier: Apache-2.0
"""TLS passes through by the name that its ClientHello asks for: two clusters, each with its own certificate, which the proxy
does not know. The log tells the name, also of what nobody serves, and of TLS that comes where HTTP is spoken."""
import ssl

from harness import *
from harness.config import EXTENSION

INSPECTOR = {'name': 'envoy.filters.listener.tls_inspector', 'typed_config': {
    '@type': EXTENSION + 'filters.listener.tls_inspector.v3.TlsInspector'}}
authority = Authority()
log = access_log(f'{TMP}/access.log', '%FILTER_CHAIN_NAME% %REQUESTED_SERVER_NAME% %RESPONSE_CODE% %RESPONSE_FLAGS% '
                                      '%UPSTREAM_CLUSTER% %DOWNSTREAM_TLS_VERSION%\n')
one = OpensslServer(authority.issue('one.example'))
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
certificate = authority.issue('two.example', 'DNS:*.two.example')
server.load_cert_chain(certificate.chain, certificate.key)
two = RawUpstream(capitals(b'hi '), context=server)


def chain(name, to, **match):
    return filter_chain(tcp_proxy(to, access_log=[log]), match, name=name)


proxy = Proxy(bootstrap([listener(
    listener_filters=[INSPECTOR],
    filter_chains=[chain('first', 'one', server_names=['one.example']), chain('second', 'two', server_names=['*.two.example']),
                   chain('nobody', 'none', server_names=['none.example']),
                   filter_chain(hcm(direct('/', 200, 'here'), access_log=[log]), name='http')])],
    [cluster('one', one.port), cluster('two', two.port), cluster('none')]), '--file-flush-interval-msec', '50')
lines = []


def logged(line):
    lines.append(line)
    wait_for(line, lambda: open(f'{TMP}/access.log').read().splitlines() == lines)


with TlsClient(proxy.port, authority, sni='one.example') as client:
    expect(client.common_name, 'one.example')
    expect_in(b'TLSv1.3', client.request('/').body or client.rest()[1])
logged('first one.example 0 - one -')

with TlsClient(proxy.port, authority, sni='Www.TWO.example') as client:
    expect(client.common_name, 'two.example')
    expect(client.take(3), b'hi ')
    client.send(b'hello' * 20000)
    expect(client.take(100000), b'HELLO' * 20000)
logged('second www.two.example 0 - two -')

for name, line in (('none.example', 'nobody none.example 0 UH none -'), ('other_x.example', 'http other_x.example 400 DPE - -')):
    try:
        TlsClient(proxy.port, sni=name)
        raise AssertionError(f'{name}: there is no TLS for it')
    except (ssl.SSLError, ConnectionError):
        pass
    logged(line)

expect(get(proxy.port, '/').body, b'here')
logged('http - 200 - - -')
expect(proxy.stat('tls_inspector.sni_found'), 4)
