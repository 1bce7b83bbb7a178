# SPDX-License-Identifier: Apache-2.0
"""A malformed request ends its stream, has its line in the log, and harms neither the streams beside it nor the upstream."""
from harness import *

upstream = Upstream(echo)
log = f'{TMP}/access.log'
proxy = Proxy(config(cluster('up', upstream.port), access_log=[access_log(log, '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% '
              '%RESPONSE_CODE_DETAILS% %REQ(:PATH)%\n')]), '--concurrency', '1', '--file-flush-interval-msec', '50')
client = Http2Client(proxy.port)


def head(**changes):
    """The usual fields, some changed; None leaves one out."""
    fields = {':method': 'GET', ':scheme': 'http', ':path': '/', ':authority': 'a', **changes}
    return [(name, value) for name, value in fields.items() if value is not None]


heads = {
    'no path': head(**{':path': None}),
    'an empty path': head(**{':path': ''}),
    'no method': head(**{':method': None}),
    'no scheme': head(**{':scheme': None}),
    'path twice': head() + [(':path', '/other')],
    'an unknown pseudo field': head(**{':nonsense': 'x'}),
    'a pseudo field behind others': head(**{':authority': None, 'x': 'y'}) + [(':authority', 'a')],
    'a response field': head(**{':status': '200'}),
    'upper case': head(**{'Name': 'x'}),
    'connection': head(connection='close'),
    'transfer-encoding': head(**{'transfer-encoding': 'chunked'}),
    'te': head(te='gzip'),
    'a newline in a value': head(x='a\r\nevil: 1'),
    'a NUL in a value': head(x='a\0b'),
    'a blank in a name': head(**{'a b': 'x'}),
    'a content-length that is none': head(**{'content-length': '1x'}),
}
for what, fields in heads.items():
    stream = client.reserve()
    client.send(h2.headers(stream, fields, end=True))
    expect(client.wait_reset(stream), h2.PROTOCOL_ERROR, what)
expect(client.request('/good').status, 200)
wanted = ['HTTP/2 0 DPE http2.violation.of.messaging.rule -'] * len(heads) + ['HTTP/2 200 - via_upstream /good']
wait_for('a line for each', lambda: open(log).read().splitlines() == wanted)

short = client.open('/short', 'POST', [('content-length', '5')], end=False)
client.send(h2.data(short, b'abc', end=True))
expect(client.wait_reset(short), h2.PROTOCOL_ERROR, 'a body shorter than content-length says')
long = client.open('/long', 'POST', [('content-length', '2')], end=False)
client.send(h2.data(long, b'abc', end=True))
expect(client.wait_reset(long), h2.PROTOCOL_ERROR, 'and a longer one')
late = client.open('/trailers', 'POST', end=False)
client.send(h2.headers(late, [(':path', '/x')], end=True))
expect(client.wait_reset(late), h2.PROTOCOL_ERROR, 'a pseudo field in trailers')

large, block = client.reserve(), hpack.encode(head() + [(f'x{number}', 'y' * 4000) for number in range(16)])
client.send(h2.frame(h2.HEADERS, h2.END_STREAM, large, block[:16384]))
for at in range(16384, len(block), 16384):
    client.send(h2.frame(h2.CONTINUATION, h2.END_HEADERS if at + 16384 >= len(block) else 0, large, block[at:at + 16384]))
expect(client.wait_reset(large), h2.INTERNAL_ERROR, 'more than 60 KiB')
many = client.open('/', headers=[(f'x{number}', '1') for number in range(101)])
expect(client.wait_reset(many), h2.INTERNAL_ERROR, 'more than 100 fields')

# A bomb: one field of 3 KiB in the table, then a byte for each time it is meant.
bomb = client.reserve()
client.send(h2.headers(bomb, hpack.encode(client.fields()) + hpack.encode([('x', 'y' * 3000)], index=True) + b'\xbe' * 10000, end=True))
expect(client.wait_reset(bomb), h2.INTERNAL_ERROR, '30 MB of fields in 13 KB')
expect(client.request('/still').status, 200, 'the connection and its table are as they were')
expect((proxy.stat('http2.header_overflow'), client.goaways), (3, []))
wait_for('their lines', lambda: [line for line in open(log).read().splitlines() if 'too_many' in line] ==
         ['HTTP/2 0 DPE http2.too_many_headers -'] * 3)
expect(all(request.path in ('/good', '/still', '/short', '/long', '/trailers') for request in upstream.requests), True, 'to the upstream')
client.send(h2.headers(client.reserve(), b'\xff\xff\xff\xff\xff', end=True))
client.wait_end()
expect(client.goaways[-1][1], h2.COMPRESSION_ERROR, 'a block that is no HPACK ends the connection')
proxy.wait_stat('http.ingress.downstream_rq_active', 0)
expect(proxy.stat('http.ingress.downstream_rq_total'), proxy.stat('http.ingress.downstream_rq_http2_total'))
