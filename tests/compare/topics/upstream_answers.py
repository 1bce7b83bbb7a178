# SPDX-License-Identifier: Apache-2.0
"""What an HTTP/1 upstream says, good, odd and malformed, and how it ends."""
from compare.exchange import Exchange
from harness import close, cluster, config, raw, reset, route, silent


def configuration(upstream, log):
    return config(cluster('up', upstream), access_log=log, delayed_close_timeout='0.05s',
                  routes=[route('/slow', timeout='0.3s'), route('/')])


OK = b'HTTP/1.1 200 OK\r\n'
WRITTEN = {
    'no length, closed': OK + b'\r\nhello',
    'length': OK + b'content-length: 5\r\n\r\nhello',
    'length 0': OK + b'content-length: 0\r\n\r\n',
    'more than its length': OK + b'content-length: 3\r\n\r\nhello',
    'less than its length': OK + b'content-length: 9\r\n\r\nhello',
    'two lengths alike': OK + b'content-length: 5\r\ncontent-length: 5\r\n\r\nhello',
    'two lengths': OK + b'content-length: 5\r\ncontent-length: 4\r\n\r\nhello',
    'length malformed': OK + b'content-length: x\r\n\r\nhello',
    'chunked': OK + b'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'chunked with trailers': OK + b'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n',
    'chunked, length': OK + b'transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'chunked, cut': OK + b'transfer-encoding: chunked\r\n\r\n5\r\nhel',
    'chunked, no end': OK + b'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n',
    'chunk malformed': OK + b'transfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n',
    'gzip, chunked': OK + b'transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    'identity': OK + b'transfer-encoding: identity\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.0': b'HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/1.0 keep-alive': b'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello',
    'HTTP/0.9': b'hello',
    'HTTP/2.0': b'HTTP/2.0 200 OK\r\ncontent-length: 5\r\n\r\nhello',
    'no reason': b'HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello',
    'empty reason': b'HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\nhello',
    'odd reason': b'HTTP/1.1 200 My Own\r\ncontent-length: 5\r\n\r\nhello',
    'reason high byte': b'HTTP/1.1 200 \xe4\r\ncontent-length: 5\r\n\r\nhello',
    'status 99': b'HTTP/1.1 99 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 600': b'HTTP/1.1 600 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 999': b'HTTP/1.1 999 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 1000': b'HTTP/1.1 1000 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 2xx': b'HTTP/1.1 2xx X\r\ncontent-length: 5\r\n\r\nhello',
    'status 299': b'HTTP/1.1 299 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 418': b'HTTP/1.1 418 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 204': b'HTTP/1.1 204 X\r\n\r\n',
    'status 204 with length': b'HTTP/1.1 204 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 304': b'HTTP/1.1 304 X\r\n\r\n',
    'status 304 with length': b'HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n',
    'status 205': b'HTTP/1.1 205 X\r\ncontent-length: 0\r\n\r\n',
    'status 500': b'HTTP/1.1 500 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 503': b'HTTP/1.1 503 X\r\ncontent-length: 5\r\n\r\nhello',
    'status 504': b'HTTP/1.1 504 X\r\ncontent-length: 5\r\n\r\nhello',
    '100 first': b'HTTP/1.1 100 Continue\r\n\r\n' + OK + b'content-length: 5\r\n\r\nhello',
    '102 first': b'HTTP/1.1 102 Processing\r\n\r\n' + OK + b'content-length: 5\r\n\r\nhello',
    '103 first': b'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' + OK + b'content-length: 5\r\n\r\nhello',
    '101 not asked': b'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nhello',
    'only 100': b'HTTP/1.1 100 Continue\r\n\r\n',
    'connection close': OK + b'connection: close\r\ncontent-length: 5\r\n\r\nhello',
    'connection names x': OK + b'connection: x\r\nx: y\r\ncontent-length: 5\r\n\r\nhello',
    'keep-alive': OK + b'keep-alive: timeout=5\r\ncontent-length: 5\r\n\r\nhello',
    'proxy-connection': OK + b'proxy-connection: close\r\ncontent-length: 5\r\n\r\nhello',
    'server': OK + b'server: other\r\ncontent-length: 5\r\n\r\nhello',
    'date': OK + b'date: then\r\ncontent-length: 5\r\n\r\nhello',
    'via': OK + b'via: 1.1 x\r\ncontent-length: 5\r\n\r\nhello',
    'x-request-id': OK + b'x-request-id: z\r\ncontent-length: 5\r\n\r\nhello',
    'x-envoy fields': OK + b'x-envoy-upstream-service-time: 99\r\nx-envoy-attempt-count: 3\r\nx-envoy-upstream-canary: true\r\ncontent-length: 5\r\n\r\nhello',
    'x-envoy-overloaded': b'HTTP/1.1 503 X\r\nx-envoy-overloaded: true\r\ncontent-length: 5\r\n\r\nhello',
    'x-envoy-immediate-health-check-fail': OK + b'x-envoy-immediate-health-check-fail: 1\r\ncontent-length: 5\r\n\r\nhello',
    'upper-case names': OK + b'X-UPPER: X\r\nContent-Length: 5\r\n\r\nhello',
    'set-cookie twice': OK + b'set-cookie: a\r\nset-cookie: b\r\ncontent-length: 5\r\n\r\nhello',
    'same name twice': OK + b'x: a\r\nx: b\r\ncontent-length: 5\r\n\r\nhello',
    'empty value': OK + b'x:\r\ncontent-length: 5\r\n\r\nhello',
    'underscore': OK + b'a_b: c\r\ncontent-length: 5\r\n\r\nhello',
    'blank before colon': OK + b'x : c\r\ncontent-length: 5\r\n\r\nhello',
    'no colon': OK + b'x\r\ncontent-length: 5\r\n\r\nhello',
    'folded': OK + b'x: a\r\n b\r\ncontent-length: 5\r\n\r\nhello',
    'bare LF': b'HTTP/1.1 200 OK\ncontent-length: 5\n\nhello',
    'NUL': OK + b'x: a\0b\r\ncontent-length: 5\r\n\r\nhello',
    'high byte': OK + b'x: \xe4\r\ncontent-length: 5\r\n\r\nhello',
    'leading CRLF': b'\r\n' + OK + b'content-length: 5\r\n\r\nhello',
    'head cut': OK + b'content-le',
    'nothing': b'',
    '101 fields': OK + b''.join(b'x%d: y\r\n' % number for number in range(100)) + b'content-length: 5\r\n\r\nhello',
    '61 KiB of fields': OK + b''.join(b'x%d: %s\r\n' % (number, b'y' * 1000) for number in range(61)) + b'content-length: 5\r\n\r\nhello',
    'TLS alert': b'\x15\x03\x01\0\x02\x02\x46',
    'trailing garbage': OK + b'content-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n',
}
REQUESTS = {
    'GET': b'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
    'HEAD': b'HEAD / HTTP/1.1\r\nhost: a\r\n\r\n',
    'POST': b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc',
    'close': b'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
    'HTTP/1.0': b'GET / HTTP/1.0\r\nhost: a\r\n\r\n',
}


def exchanges(_):
    for name, answer in WRITTEN.items():
        for method, request in REQUESTS.items():
            if method in ('GET', 'HEAD') or name in ('no length, closed', 'length', 'chunked', '100 first', 'connection close', 'less than its length', 'nothing'):
                yield Exchange(f'{name} to {method}', request, respond=raw(answer))
    for method in ('GET', 'POST'):
        yield Exchange(f'closed before the answer, {method}', REQUESTS[method], respond=close)
        yield Exchange(f'reset before the answer, {method}', REQUESTS[method], respond=reset)
        yield Exchange(f'reset in the answer, {method}', REQUESTS[method], respond=raw(OK + b'content-length: 9\r\n\r\nhello', 'reset'))
    yield Exchange('silent', REQUESTS['GET'].replace(b'/ ', b'/slow ', 1), respond=silent)
    yield Exchange('silent after the head', REQUESTS['GET'].replace(b'/ ', b'/slow ', 1), respond=raw(OK + b'content-length: 9\r\n\r\nhel', 'keep'))
