# SPDX-License-Identifier: Apache-2.0
"""header_key_format.proper_case_words: names that HTTP/1 clients and upstreams see begin each word with a capital; values stay."""
from harness import *
from harness.config import EXTENSION

PROPER = {'header_key_format': {'proper_case_words': {}}, 'enable_trailers': True}
FIELDS = [('x-one', 'two-three'), ('te', 'trailers'), ('foo$b#$are', 'x'), ('9lives', 'nine')]
upstream = Upstream(chunked(b'hello', trailers=[('x-last', 'word-here')]))
up = cluster('up', upstream.port)
up['typed_extension_protocol_options'] = {'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': EXTENSION + 'upstreams.http.v3.HttpProtocolOptions', 'explicit_http_config': {'http_protocol_options': PROPER}}}
proxy = Proxy(config(up, http_protocol_options=PROPER, routes=[direct('/here', 200, 'x'), route()]))
with Client(proxy.port) as client:
    lines = ''.join(f'{name}: {value}\r\n' for name, value in FIELDS)
    client.send(f'POST /a-path HTTP/1.1\r\nhost: a\r\n{lines}transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-trailer: t\r\n\r\n')
    wait_for('the request', lambda: upstream.requests)
    text = upstream.requests[0].head.decode()
    expect(text.split('\r\n')[0], 'POST /a-path HTTP/1.1')
    for line in ('Host: a', 'X-One: two-three', 'Te: trailers', 'Foo$B#$Are: x', '9lives: nine', 'Transfer-Encoding: chunked', 'X-Forwarded-Proto: http'):
        expect_in(f'\r\n{line}\r\n', text)
    expect(upstream.requests[0].trailers, [('X-Trailer', 't')])
    answered = client.until(b'word-here\r\n\r\n').decode()
    for line in ('HTTP/1.1 200 OK', 'X-Envoy-Upstream-Service-Time: ', 'Server: envoy', 'Transfer-Encoding: chunked', 'X-Last: word-here'):
        expect_in(line, answered)
    client.send('GET /here HTTP/1.1\r\nhost: a\r\n\r\n')
    answered = client.until(b'\r\n\r\nx').decode()
    for line in ('Content-Length: 1', 'Content-Type: text/plain', 'Date: '):
        expect_in(f'\r\n{line}', answered)

code, _, text = validate(config(up, http_protocol_options={'header_key_format': {}}))
expect(code, 1)
expect_in('http_protocol_options.header_key_format: one of proper_case_words, stateful_formatter is required', text)
