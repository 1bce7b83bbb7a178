# SPDX-License-Identifier: Apache-2.0
"""Request heads over HTTP/1: good, odd and malformed, written by hand and generated."""
import random

from compare.exchange import Exchange
from harness import cluster, config, direct, redirect, route


def configuration(upstream, log):
    return config(cluster('up', upstream), access_log=log, delayed_close_timeout='0.05s',
                  routes=[direct('/direct', 200, 'direct'), redirect('/away', host_redirect='elsewhere'), route('/')])


def request(line='GET / HTTP/1.1', *fields, body='', host='a'):
    return '\r\n'.join([line, *([f'host: {host}'] if host is not None else []), *fields, '', '']) + body


WRITTEN = {
    'plain': request(),
    'HTTP/1.0': request('GET / HTTP/1.0'),
    'HTTP/1.0 without host': request('GET / HTTP/1.0', host=None),
    'HTTP/1.0 keep-alive': request('GET / HTTP/1.0', 'connection: keep-alive'),
    'HTTP/0.9': 'GET /\r\n',
    'HTTP/1.2': request('GET / HTTP/1.2'),
    'HTTP/2.0': request('GET / HTTP/2.0'),
    'no host': request(host=None),
    'two hosts': request('GET / HTTP/1.1', 'host: b'),
    'empty host': request(host=''),
    'host with port': request(host='a:8080'),
    'HEAD': request('HEAD / HTTP/1.1'),
    'OPTIONS *': request('OPTIONS * HTTP/1.1'),
    'GET *': request('GET * HTTP/1.1'),
    'TRACE': request('TRACE / HTTP/1.1'),
    'unknown method': request('BREW / HTTP/1.1'),
    'lower-case method': request('get / HTTP/1.1'),
    'path without slash': request('GET up HTTP/1.1'),
    'absolute form': request('GET http://b/x HTTP/1.1'),
    'absolute form without path': request('GET http://b HTTP/1.1'),
    'absolute form with query only': request('GET http://b?q HTTP/1.1'),
    'absolute form https': request('GET https://b/x HTTP/1.1'),
    'absolute form ftp': request('GET ftp://b/x HTTP/1.1'),
    'fragment': request('GET /a#b HTTP/1.1'),
    'query': request('GET /a?b=c&d HTTP/1.1'),
    'percent': request('GET /%2e%2e/%zz HTTP/1.1'),
    'dots': request('GET /a/../b/./c HTTP/1.1'),
    'double slash': request('GET //a//b HTTP/1.1'),
    'two blanks': request('GET  / HTTP/1.1'),
    'blank at the end': request('GET / HTTP/1.1 '),
    'tab in the line': request('GET\t/ HTTP/1.1'),
    'leading CRLF': '\r\n' + request(),
    'several leading CRLF': '\r\n\r\n\r\n' + request(),
    'bare LF': 'GET / HTTP/1.1\nhost: a\n\n',
    'folded': request('GET / HTTP/1.1', 'x: a', ' b'),
    'blank before colon': request('GET / HTTP/1.1', 'x : a'),
    'no colon': request('GET / HTTP/1.1', 'xyz'),
    'empty name': request('GET / HTTP/1.1', ': a'),
    'empty value': request('GET / HTTP/1.1', 'x:'),
    'NUL in value': request('GET / HTTP/1.1', 'x: a\0b'),
    'CR in value': request('GET / HTTP/1.1', 'x: a\rb'),
    'high byte in value': request('GET / HTTP/1.1', 'x: \xe4'),
    'high byte in name': request('GET / HTTP/1.1', '\xe4: x'),
    'high byte in path': request('GET /\xe4 HTTP/1.1'),
    'control in path': request('GET /\x01 HTTP/1.1'),
    'underscore in name': request('GET / HTTP/1.1', 'a_b: x'),
    'upper-case names': request('GET / HTTP/1.1', 'X-UPPER: X', 'MiXed: y'),
    'blanks around value': request('GET / HTTP/1.1', 'x: \t a b \t '),
    'same name twice': request('GET / HTTP/1.1', 'x: a', 'y: c', 'x: b'),
    'cookies twice': request('GET / HTTP/1.1', 'cookie: a=b', 'cookie: c=d'),
    'referer': request('GET / HTTP/1.1', 'referer: http://x/'),
    'referer twice': request('GET / HTTP/1.1', 'referer: http://x/', 'referer: http://y/'),
    'referer malformed': request('GET / HTTP/1.1', 'referer: xyz'),
    'x-forwarded-for': request('GET / HTTP/1.1', 'x-forwarded-for: 1.2.3.4'),
    'x-forwarded-for twice': request('GET / HTTP/1.1', 'x-forwarded-for: 1.2.3.4', 'x-forwarded-for: 5.6.7.8'),
    'x-forwarded-proto': request('GET / HTTP/1.1', 'x-forwarded-proto: https'),
    'x-forwarded-proto odd': request('GET / HTTP/1.1', 'x-forwarded-proto: gopher'),
    'x-request-id': request('GET / HTTP/1.1', 'x-request-id: mine'),
    'x-envoy-internal': request('GET / HTTP/1.1', 'x-envoy-internal: true', 'x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 3'),
    'x-envoy-upstream-rq-timeout-ms': request('GET / HTTP/1.1', 'x-envoy-upstream-rq-timeout-ms: 10'),
    'x-envoy-original-path': request('GET / HTTP/1.1', 'x-envoy-original-path: /y', 'x-envoy-expected-rq-timeout-ms: 3'),
    'connection close': request('GET / HTTP/1.1', 'connection: close'),
    'connection nonsense': request('GET / HTTP/1.1', 'connection: x, y', 'x: 1', 'y: 2'),
    'connection names host': request('GET / HTTP/1.1', 'connection: host'),
    'connection names x-forwarded-for': request('GET / HTTP/1.1', 'connection: x-forwarded-for', 'x-forwarded-for: 1.1.1.1'),
    'keep-alive': request('GET / HTTP/1.1', 'keep-alive: timeout=5', 'connection: keep-alive'),
    'proxy-connection': request('GET / HTTP/1.1', 'proxy-connection: keep-alive'),
    'te': request('GET / HTTP/1.1', 'te: trailers', 'connection: te'),
    'te gzip': request('GET / HTTP/1.1', 'te: gzip, trailers'),
    'upgrade refused': request('GET / HTTP/1.1', 'connection: upgrade', 'upgrade: websocket'),
    'upgrade h2c': request('GET / HTTP/1.1', 'connection: upgrade, http2-settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAoAAAAAIAAAAA'),
    'expect': request('POST / HTTP/1.1', 'expect: 100-continue', 'content-length: 3', body='abc'),
    'expect odd': request('POST / HTTP/1.1', 'expect: more', 'content-length: 3', body='abc'),
    'via': request('GET / HTTP/1.1', 'via: 1.1 other'),
    'user-agent': request('GET / HTTP/1.1', 'user-agent: x'),
    'CONNECT': request('CONNECT a:80 HTTP/1.1'),
    '61 KiB of fields': request('GET / HTTP/1.1', *(f'x{number}: ' + 'y' * 1000 for number in range(61))),
    '59 KiB of fields': request('GET / HTTP/1.1', *(f'x{number}: ' + 'y' * 990 for number in range(59))),
    '100 fields': request('GET / HTTP/1.1', *(f'x{number}: y' for number in range(99))),
    '101 fields': request('GET / HTTP/1.1', *(f'x{number}: y' for number in range(100))),
    '102 fields': request('GET / HTTP/1.1', *(f'x{number}: y' for number in range(101))),
    'long path': request('GET /' + 'p' * 70000 + ' HTTP/1.1'),
    'direct': request('GET /direct HTTP/1.1'),
    'direct HEAD': request('HEAD /direct HTTP/1.1'),
    'direct with body': request('POST /direct HTTP/1.1', 'content-length: 3', body='abc'),
    'direct, body not sent': request('POST /direct HTTP/1.1', 'content-length: 3'),
    'redirect': request('GET /away?x HTTP/1.1'),
    'TLS': b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + bytes(200),
    'HTTP/2 preface': b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'nonsense': 'xyz\r\n\r\n',
    'only a NUL': b'\0\r\n\r\n',
}
BODIES = {
    'content-length': request('POST / HTTP/1.1', 'content-length: 5', body='hello'),
    'content-length 0': request('POST / HTTP/1.1', 'content-length: 0'),
    'POST without length': request('POST / HTTP/1.1'),
    'GET with body': request('GET / HTTP/1.1', 'content-length: 5', body='hello'),
    'content-length with plus': request('POST / HTTP/1.1', 'content-length: +5', body='hello'),
    'content-length negative': request('POST / HTTP/1.1', 'content-length: -5', body='hello'),
    'content-length hex': request('POST / HTTP/1.1', 'content-length: 0x5', body='hello'),
    'content-length blank inside': request('POST / HTTP/1.1', 'content-length: 5 5', body='hello'),
    'content-length empty': request('POST / HTTP/1.1', 'content-length:', body=''),
    'content-length huge': request('POST / HTTP/1.1', 'content-length: 99999999999999999999', body='hello'),
    'content-length twice alike': request('POST / HTTP/1.1', 'content-length: 5', 'content-length: 5', body='hello'),
    'content-length twice': request('POST / HTTP/1.1', 'content-length: 5', 'content-length: 6', body='hello'),
    'content-length list': request('POST / HTTP/1.1', 'content-length: 5, 5', body='hello'),
    'content-length leading zero': request('POST / HTTP/1.1', 'content-length: 005', body='hello'),
    'chunked': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5\r\nhello\r\n0\r\n\r\n'),
    'chunked upper case': request('POST / HTTP/1.1', 'Transfer-Encoding: CHUNKED', body='5\r\nhello\r\n0\r\n\r\n'),
    'chunked with trailers': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5\r\nhello\r\n0\r\nx: y\r\n\r\n'),
    'chunk extension': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5;a=b\r\nhello\r\n0\r\n\r\n'),
    'chunk extension quoted': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5;a="b;c"\r\nhello\r\n0;x\r\n\r\n'),
    'chunk size with blank': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5 \r\nhello\r\n0\r\n\r\n'),
    'chunk size negative': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='-5\r\nhello\r\n0\r\n\r\n'),
    'chunk size huge': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='fffffffffffffffff\r\nhello\r\n0\r\n\r\n'),
    'chunk size no hex': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='xyz\r\nhello\r\n0\r\n\r\n'),
    'chunk size leading zeros': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='00005\r\nhello\r\n0\r\n\r\n'),
    'chunk size upper case': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='A\r\nhellohello\r\n0\r\n\r\n'),
    'chunk too long': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5\r\nhello!\r\n0\r\n\r\n'),
    'chunk ended by LF': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5\nhello\n0\n\n'),
    'length and chunked': request('POST / HTTP/1.1', 'content-length: 5', 'transfer-encoding: chunked', body='5\r\nhello\r\n0\r\n\r\n'),
    'chunked twice': request('POST / HTTP/1.1', 'transfer-encoding: chunked, chunked', body='5\r\nhello\r\n0\r\n\r\n'),
    'gzip, chunked': request('POST / HTTP/1.1', 'transfer-encoding: gzip, chunked', body='5\r\nhello\r\n0\r\n\r\n'),
    'identity': request('POST / HTTP/1.1', 'transfer-encoding: identity', 'content-length: 5', body='hello'),
    'gzip only': request('POST / HTTP/1.1', 'transfer-encoding: gzip', body='hello'),
    'chunked in HTTP/1.0': request('POST / HTTP/1.0', 'transfer-encoding: chunked', body='5\r\nhello\r\n0\r\n\r\n'),
    'trailer with length': request('POST / HTTP/1.1', 'transfer-encoding: chunked', body='5\r\nhello\r\n0\r\ncontent-length: 3\r\n\r\n'),
    'body cut short': request('POST / HTTP/1.1', 'content-length: 50', body='hello'),
}
PIPELINES = {
    'two': (request('GET /1 HTTP/1.1') + request('GET /2 HTTP/1.1'), 2),
    'the first with a body': (request('POST /1 HTTP/1.1', 'content-length: 3', body='abc') + request('GET /2 HTTP/1.1'), 2),
    'the first says close': (request('GET /1 HTTP/1.1', 'connection: close') + request('GET /2 HTTP/1.1'), 1),
    'the second is nonsense': (request('GET /1 HTTP/1.1') + 'xyz\r\n\r\n', 2),
    'three direct': (request('GET /direct HTTP/1.1') * 3, 3),
    'two HEAD': (request('HEAD /1 HTTP/1.1') + request('HEAD /2 HTTP/1.1'), 2),
    'CRLF between': (request('GET /1 HTTP/1.1') + '\r\n' + request('GET /2 HTTP/1.1'), 2),
}

METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND', 'M-SEARCH', 'get', 'G T', 'GE(T', '']
TARGETS = ['/', '/a', '/a?b', '/a%20b', '/a b', '//', '/direct', '/away', '*', '?', 'http://h/', 'http://h:80/p', 'http:///x', '/"', '/\\', '/a;b', '/{}', '/a|b', '/~', '/^']
VERSIONS = ['HTTP/1.1'] * 8 + ['HTTP/1.0', 'HTTP/1.1 ', 'HTTP/11', 'http/1.1', 'HTTP/1.10', 'HTTP/3.7', '']
FIELDS = ['accept: */*', 'Accept: a', 'x: ' + 'y' * 300, 'x-a: "quoted, and"', 'x\t: y', 'x: \x0b', 'x: \x7f', 'x(: y', 'x: y\n z', 'connection: keep-alive', 'connection: close',
          'connection: CLOSE', 'connection: close, keep-alive', 'cookie: a=b; c=d', 'content-type: text/plain', 'x-forwarded-for: a, b', 'x-forwarded-host: q', 'upgrade: x',
          'date: now', 'server: me', 'transfer-encoding: chunked', 'content-length: 0', 'content-length: 3', 'te: trailers', 'trailer: x', 'expect: 100-continue', 'range: bytes=0-1',
          'authorization: Basic x', 'x-envoy-attempt-count: 7', 'x-envoy-decorator-operation: op', 'x-request-id: 00000000-0000-0000-0000-000000000000', 'forwarded: for=1', ':path: /x', 'a:b: c']


def generated(count, seed):
    choose = random.Random(seed)
    for number in range(count):
        fields = choose.sample(FIELDS, choose.choice([0, 1, 1, 2, 2, 3, 5]))
        lowered = [field.lower() for field in fields]
        body = ''
        if any(field.startswith('transfer-encoding') for field in lowered):
            body = '3\r\nabc\r\n0\r\n\r\n'
        elif 'content-length: 3' in lowered:
            body = 'abc'
        # The rare in one place at a time: else the first error hides all others.
        odd = choose.choice(['method', 'target', 'version', 'none', 'none', 'none'])
        line = ' '.join([choose.choice(METHODS) if odd == 'method' else choose.choice(METHODS[:6]),
                         choose.choice(TARGETS) if odd == 'target' else choose.choice(TARGETS[:3]),
                         choose.choice(VERSIONS) if odd == 'version' else 'HTTP/1.1'])
        text = request(line, *fields, body=body)
        yield Exchange(f'generated {seed}.{number}: {text!r}', text)


def exchanges(options):
    for name, data in {**WRITTEN, **{f'body: {name}': data for name, data in BODIES.items()}}.items():
        yield Exchange(name, data)
    for name, (data, count) in PIPELINES.items():
        yield Exchange(f'pipelined: {name}', data, answers=count)
    yield from generated(options.generated, options.seed)
