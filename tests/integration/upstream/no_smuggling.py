# SPDX-License-Identifier: Apache-2.0
"""A request by HTTP/2 that could not be written as HTTP/1.1 is refused: no line break, NUL or blank of it reaches an HTTP/1 upstream."""
import socket

from harness import *
from harness.http2_peer import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, Http2Connection, frame,
                                header_block)

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)), '--concurrency', '1')
HEAD = [(':method', 'GET'), (':scheme', 'http'), (':authority', 'a.test'), (':path', '/')]


class Raw(Http2Connection):
    def __init__(self):
        self.socket, self.input, self.seen = socket.create_connection(('127.0.0.1', proxy.port), 10), b'', []
        self.send(PREFACE + frame(SETTINGS))


def replaced(name, value):
    return [(name, value) if field == name else (field, old) for field, old in HEAD]


def attempt(fields, body=None, trailers=None):
    """Sends a request; True when the proxy let it through."""
    raw = Raw()
    end = END_STREAM if body is None and trailers is None else 0
    # At once: else a head that says it has no body could be answered before what is wrong comes.
    request = frame(HEADERS, END_HEADERS | end, 1, header_block(fields))
    if body is not None:
        request += frame(DATA, END_STREAM if trailers is None else 0, 1, body)
    if trailers is not None:
        request += frame(HEADERS, END_HEADERS | END_STREAM, 1, header_block(trailers))
    raw.send(request)
    while True:
        kind, _, stream, payload = raw.read_frame()
        if kind == GOAWAY or (kind == RST_STREAM and stream == 1):
            return False
        if kind == HEADERS and stream == 1:
            return b'200' in payload or payload[:1] == b'\x88'


expect_true(attempt(HEAD), 'a plain request passes')
expect(len(upstream.requests), 1)
INJECTION = 'v\r\ncontent-length: 40\r\n\r\nGET /evil HTTP/1.1\r\nhost: a'
evil = [
    *[HEAD + [('x-a', value)] for value in (INJECTION, 'a\rb', 'a\nb', b'a\0b', 'a\n', '\ra')],
    *[HEAD + [(name, 'v')] for name in ('x-a\r\nx-b', 'x\na', b'x\0a', 'x a', 'x:a', '', 'X-Upper')],
    *[replaced(':path', path) for path in ('/ HTTP/1.1\r\nx: y', '/a b', '/a\nb', b'/a\0b', '')],
    *[replaced(':method', method) for method in ('GET / HTTP/1.1\r\nx: y', 'GE T', '')],
    *[replaced(':authority', host) for host in ('a\r\nx: y', 'a b', 'a/b@c d', b'a\0')],
    replaced(':scheme', 'http\r\n'),
    HEAD + [('transfer-encoding', 'chunked')], HEAD + [('connection', 'close')], HEAD + [('keep-alive', '1')],
    HEAD + [('proxy-connection', 'close')], HEAD + [('upgrade', 'websocket')], HEAD + [('te', 'gzip')],
    HEAD + [('host', 'other.test')], HEAD + [('content-length', '1'), ('content-length', '2')], HEAD + [('content-length', '-1')],
    HEAD + [('te', 'trailers, chunked')], HEAD + [('x-a', ' chunked\r\n')], HEAD + [('transfer-encoding', 'trailers')],
    HEAD + [('content-length', '0x4')], HEAD + [('content-length', '4,4')], HEAD + [('content-length', '')], HEAD + [('content-length', '18446744073709551617')],
    HEAD + [(':method', 'POST')], HEAD + [(':authority', 'b')], HEAD + [(':unknown', 'x')], HEAD + [(':status', '200')],
    replaced(':path', 'evil'), replaced(':path', '/a\tb'), replaced(':scheme', 'http://evil/?'), replaced(':authority', 'a, b'), replaced(':authority', 'a?b'),
    replaced(':authority', 'a#b'), replaced(':authority', 'a\\b'), replaced(':method', 'GET:x'), replaced(':method', 'GET\t/evil'),
    HEAD + [(':path', '/twice')], HEAD + [('x-a', 'v'), (':late', 'v')], [field for field in HEAD if field[0] != ':path'],
]
for fields in evil:
    expect(attempt(fields), False, f'refused: {fields}')
expect(attempt(HEAD + [('content-length', '3')], b'12345678'), False, 'more body than was said')
expect(attempt(HEAD + [('content-length', '30')], b'1'), False, 'less body than was said')
before = len(upstream.requests)
expect_true(attempt(HEAD, b'body'), 'a body without a length passes')
expect(upstream.requests[before].headers.get('transfer-encoding'), 'chunked')
expect(attempt(HEAD + [('content-length', '0')], b'GET /evil HTTP/1.1\r\nhost: a\r\n\r\n'), False, 'a body behind a length of 0')
for trailer in ([('x-t', 'a\r\nb: c')], [(':path', '/late')], [('transfer-encoding', 'chunked')], [('connection', 'close')], [('x t', 'v')]):
    expect(attempt(HEAD, b'body', trailer), False, f'trailers are checked too: {trailer}')
paths = {request.path for request in upstream.requests}
expect(paths, {'/'}, 'nothing evil arrived')
usual = {'host', 'x-forwarded-proto', 'x-request-id', 'x-envoy-expected-rq-timeout-ms', 'transfer-encoding'}
for request in upstream.requests:
    expect(set(request.headers) - usual, set())
