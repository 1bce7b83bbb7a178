# SPDX-License-Identifier: Apache-2.0
"""Routes by expression, separated prefix, header fields, query parameters and gRPC, over HTTP/1 and HTTP/2."""
from harness import *


def when(status, path=None, **match):
    return {'match': {**(path or {'prefix': '/'}), **match}, 'direct_response': {'status': status}}


def header(name='x', **fields):
    return {'headers': [{'name': name, **fields}]}


proxy = Proxy(config(routes=[
    when(201, {'path_separated_prefix': '/sep'}),
    when(202, {'safe_regex': {'regex': '/re/[0-9]+'}}),
    when(203, {'prefix': '/header'}, **header(string_match={'exact': 'A', 'ignore_case': True})),
    when(206, {'prefix': '/header'}, **header(string_match={'safe_regex': {'regex': 'b+'}})),
    when(207, {'prefix': '/header'}, **header(range_match={'start': 1, 'end': 10})),
    when(208, {'prefix': '/header'}, **header(present_match=True, invert_match=True)),
    when(210, {'prefix': '/host'}, **header('Host', string_match={'suffix': '.org'})),
    when(211, {'prefix': '/query'}, query_parameters=[{'name': 'q', 'string_match': {'prefix': 'v'}}]),
    when(212, {'prefix': '/query'}, query_parameters=[{'name': 'q', 'present_match': True}]),
    when(213, {'prefix': '/grpc'}, grpc={}),
]))
rows = [('/sep', 201), ('/sep/x?y', 201), ('/separate', 404), ('/re/12?x', 202), ('/re/12x', 404), ('/re/', 404),
        ('/header', 203, ('x', 'a')), ('/header', 206, ('x', 'bbb')), ('/header', 207, ('x', '9')), ('/header', 404, ('x', '10')),
        ('/header', 208), ('/query?a&q=v1', 211), ('/query?q=w', 212), ('/query?p=v', 404), ('/query', 404), ('/host', 404)]
for path, status, *fields in rows:
    expect(get(proxy.port, path, fields).status, status, f'{path} {fields}')
expect(get(proxy.port, '/header', [('x', 'no'), ('x', 'B'), ('x', 'bb')]).status, 206, 'one of several lines')
expect(get(proxy.port, '/host', host='a.org').status, 210)
with Http2Client(proxy.port) as client:
    for path, status, *fields in rows:
        expect(client.request(path, headers=fields).status, status, f'HTTP/2 {path} {fields}')
expect(get(proxy.port, '/grpc').status, 404)
# A local reply to a gRPC call is a trailers-only answer: 200 with the status inside; the unmatched one says so (12).
expect(get(proxy.port, '/grpc', [('content-type', 'application/grpc')]).headers['grpc-status'], '2')
expect(get(proxy.port, '/other', [('content-type', 'application/grpc')]).headers['grpc-status'], '12')
