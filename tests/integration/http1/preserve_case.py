# SPDX-License-Identifier: Apache-2.0
"""header_key_format.stateful_formatter: what comes over HTTP/1 is written to the other side as it came, names and reason."""
from harness import *
from harness.config import EXTENSION


def preserve(**fields):
    return {'header_key_format': {'stateful_formatter': {'name': 'preserve_case', 'typed_config': {
        '@type': EXTENSION + 'http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig', **fields}}}}


def to(upstream, options):
    return {**cluster('up', upstream.port), 'typed_extension_protocol_options': {'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': EXTENSION + 'upstreams.http.v3.HttpProtocolOptions', 'explicit_http_config': {'http_protocol_options': options}}}}


ANSWER = b'HTTP/1.1 200 Fine By Me\r\nX-FROM-Upstream: One\r\nx-From-upstream: Two\r\nCONTENT-length: 2\r\nsErVer: theirs\r\n\r\nok'
REQUEST = 'POST /Path HTTP/1.1\r\nhOsT: a\r\nX-ONE: Two-Three\r\nuser-AGENT: Me\r\ncontent-LENGTH: 1\r\nConnection: keep-alive\r\n\r\n'
upstream = Upstream(raw(ANSWER, then='keep'))
proxy = Proxy(config(to(upstream, preserve(forward_reason_phrase=True)), routes=[direct('/here', 200, 'x'), route()],
                     http_protocol_options=preserve(formatter_type_on_envoy_headers='PROPER_CASE')))
with Client(proxy.port) as client:
    # In pieces, so that a head is begun more than once.
    for piece in range(0, len(REQUEST), 7):
        client.send(REQUEST[piece:piece + 7])
    client.send('x')
    answered = client.until(b'\r\n\r\nok').decode()
    sent = upstream.requests[0].head.decode()
    for line in ('POST /Path HTTP/1.1\r\nhOsT: a\r\n', '\r\nX-ONE: Two-Three\r\n', '\r\nuser-AGENT: Me\r\n', '\r\ncontent-LENGTH: 1\r\n', '\r\nX-Forwarded-Proto: http\r\n', '\r\nX-Request-Id: '):
        expect_in(line, sent)
    for line in ('HTTP/1.1 200 Fine By Me\r\n', '\r\nX-FROM-Upstream: One\r\n', '\r\nX-FROM-Upstream: Two\r\n', '\r\nCONTENT-length: 2\r\n', '\r\nsErVer: envoy\r\n', '\r\ndate: '):
        expect_in(line, answered)
    # The next request on this connection is written as it comes, an answer of the proxy's own in lower case.
    client.send('GET /here HTTP/1.1\r\nHOST: a\r\n\r\n')
    expect_in('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n', client.until(b'\r\n\r\nx').decode())
    client.send('GET / HTTP/1.1\r\nHost: a\r\nx-one: y\r\n\r\n')
    client.until(b'\r\n\r\nok')
    for line in ('\r\nHost: a\r\n', '\r\nx-one: y\r\n'):
        expect_in(line, upstream.requests[1].head.decode())
with Http2Client(proxy.port) as client:
    response = client.request('/')
    expect(response.headers['server'], 'envoy')
    expect([value for name, value in response.header_list if name == 'x-from-upstream'], ['One', 'Two'])
    expect_in('\r\nhost: test\r\n', upstream.requests[2].head.decode())

up = cluster('up', 1)
for options, text in ((preserve(forward_reason_phrase=True), 'forward_reason_phrase has a meaning for responses only'),
                      ({'header_key_format': {'stateful_formatter': {'name': 'x'}}}, 'stateful_formatter.typed_config: required')):
    code, _, said = validate(config(up, http_protocol_options=options))
    expect(code, 1)
    expect_in(text, said)
