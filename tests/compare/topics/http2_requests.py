# SPDX-License-Identifier: Apache-2.0
"""Requests over HTTP/2, good, odd and malformed, to an HTTP/1 upstream."""
from compare.exchange import Exchange2
from harness import cluster, config, direct, h2, hpack, redirect, route


def configuration(upstream, log):
    return config(cluster('up', upstream), access_log=log, codec_type='AUTO', delayed_close_timeout='0.05s',
                  routes=[direct('/direct', 200, 'direct'), redirect('/away', host_redirect='elsewhere'), route('/')])


def head(fields, data=None, trailers=None, end=None):
    """One stream: its fields, perhaps DATA, perhaps trailers."""
    def script(client):
        stream = client.reserve()
        client.send(h2.headers(stream, fields, end=(data is None and trailers is None) if end is None else end))
        if data is not None:
            client.send(h2.data(stream, data, end=trailers is None))
        if trailers is not None:
            client.send(h2.headers(stream, trailers, end=True))
    return script


def fields(*extra, method='GET', path='/', scheme='http', authority='a', without=()):
    pairs = [(':method', method), (':scheme', scheme), (':path', path), (':authority', authority)]
    return [pair for pair in pairs if pair[0] not in without and pair[1] is not None] + list(extra)


WRITTEN = {
    'plain': head(fields()),
    'POST': head(fields(method='POST'), b'hello'),
    'POST with length': head(fields(('content-length', '5'), method='POST'), b'hello'),
    'POST with trailers': head(fields(method='POST'), b'hello', [('x', 'y')]),
    'POST, empty body': head(fields(method='POST'), b''),
    'trailers without body': head(fields(method='POST'), None, [('x', 'y')], end=False),
    'HEAD': head(fields(method='HEAD')),
    'https': head(fields(scheme='https')),
    'odd scheme': head(fields(scheme='gopher')),
    'no method': head(fields(without=[':method'])),
    'no scheme': head(fields(without=[':scheme'])),
    'no path': head(fields(without=[':path'])),
    'no authority': head(fields(without=[':authority'])),
    'no authority, host': head(fields(('host', 'b'), without=[':authority'])),
    'authority and host': head(fields(('host', 'b'))),
    'authority and same host': head(fields(('host', 'a'))),
    'empty path': head(fields(path='')),
    'empty authority': head(fields(authority='')),
    'path without slash': head(fields(path='up')),
    'path *': head(fields(path='*')),
    'OPTIONS *': head(fields(method='OPTIONS', path='*')),
    'fragment': head(fields(path='/a#b')),
    'query': head(fields(path='/a?b=c')),
    'absolute path': head(fields(path='http://b/c')),
    'blank in path': head(fields(path='/a b')),
    'high byte in path': head(fields(path='/\xe4')),
    'method twice': head([(':method', 'GET'), *fields()]),
    'path twice': head([(':path', '/x'), *fields()]),
    'unknown pseudo field': head([(':x', 'y'), *fields()]),
    'pseudo field after a field': head([(':method', 'GET'), ('x', 'y'), (':scheme', 'http'), (':path', '/'), (':authority', 'a')]),
    ':status': head([(':status', '200'), *fields()]),
    'upper-case name': head(fields(('X', 'y'))),
    'blank in name': head(fields(('a b', 'y'))),
    'empty name': head(fields(('', 'y'))),
    'CR in value': head(fields(('x', 'a\rb'))),
    'LF in value': head(fields(('x', 'a\nb'))),
    'NUL in value': head(fields(('x', 'a\0b'))),
    'blanks around value': head(fields(('x', ' a '))),
    'underscore': head(fields(('a_b', 'c'))),
    'connection': head(fields(('connection', 'close'))),
    'keep-alive': head(fields(('keep-alive', 'x'))),
    'proxy-connection': head(fields(('proxy-connection', 'x'))),
    'transfer-encoding': head(fields(('transfer-encoding', 'chunked'), method='POST'), b'hello'),
    'upgrade': head(fields(('upgrade', 'websocket'))),
    'te trailers': head(fields(('te', 'trailers'))),
    'te gzip': head(fields(('te', 'gzip'))),
    'length too long': head(fields(('content-length', '9'), method='POST'), b'hello'),
    'length too short': head(fields(('content-length', '3'), method='POST'), b'hello'),
    'length malformed': head(fields(('content-length', 'x'), method='POST'), b'hello'),
    'two lengths': head(fields(('content-length', '5'), ('content-length', '5'), method='POST'), b'hello'),
    'expect': head(fields(('expect', '100-continue'), method='POST'), b'hello'),
    'cookies': head(fields(('cookie', 'a=b'), ('cookie', 'c=d'))),
    'same name twice': head(fields(('x', 'a'), ('x', 'b'))),
    'CONNECT': head([(':method', 'CONNECT'), (':authority', 'a:80')]),
    'extended CONNECT': head(fields((':protocol', 'websocket'), method='CONNECT'), end=False),
    'x-forwarded-for': head(fields(('x-forwarded-for', '1.2.3.4'))),
    'x-forwarded-proto': head(fields(('x-forwarded-proto', 'https'))),
    'x-envoy fields': head(fields(('x-envoy-internal', 'true'), ('x-envoy-retry-on', '5xx'), ('x-envoy-upstream-rq-timeout-ms', '5'))),
    '61 KiB of fields': head(fields(*((f'x{number}', 'y' * 200) for number in range(70)))),
    '100 fields': head(fields(*((f'x{number}', 'y') for number in range(96)))),
    '101 fields': head(fields(*((f'x{number}', 'y') for number in range(97)))),
    'direct': head(fields(path='/direct')),
    'direct, body goes on': head(fields(path='/direct', method='POST'), end=False),
    'redirect': head(fields(path='/away?x')),
    'pseudo field in trailers': head(fields(method='POST'), b'x', [(':path', '/y')]),
    'upper-case trailer': head(fields(method='POST'), b'x', [('X', 'y')]),
    'grpc': head(fields(('content-type', 'application/grpc'), ('te', 'trailers'), method='POST'), b'\0\0\0\0\0'),
    'grpc direct': head(fields(('content-type', 'application/grpc'), path='/away', method='POST'), b'\0\0\0\0\0'),
    'self-dependency': lambda client: client.send(h2.frame(h2.HEADERS, 0x25, client.reserve(), b'\0\0\0\1\x10' + hpack.encode(fields()))),
}


def exchanges(_):
    for name, script in WRITTEN.items():
        yield Exchange2(name, script)
