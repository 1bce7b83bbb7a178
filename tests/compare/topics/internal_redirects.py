# SPDX-License-Identifier: Apache-2.0
"""Redirects that the router follows itself: which, where to, and what the next upstream sees."""
from compare.exchange import Exchange, Verdict
from harness import cluster, config, direct, raw, route, virtual_host

TYPE = 'type.googleapis.com/envoy.extensions.internal_redirect.'
POLICIES = {
    'plain': {}, 'three': {'max_internal_redirects': 3}, 'none': {'max_internal_redirects': 0},
    'codes': {'redirect_response_codes': [301, 303, 307, 308]}, 'cross': {'allow_cross_scheme_redirect': True},
    'safe': {'allow_cross_scheme_redirect': True, 'predicates': [{'name': 'safe', 'typed_config': {
        '@type': TYPE + 'safe_cross_scheme.v3.SafeCrossSchemeConfig'}}]},
    'once': {'max_internal_redirects': 5, 'predicates': [{'name': 'once', 'typed_config': {
        '@type': TYPE + 'previous_routes.v3.PreviousRoutesConfig'}}]},
    'listed': {'predicates': [{'name': 'listed', 'typed_config': {
        '@type': TYPE + 'allow_listed_routes.v3.AllowListedRoutesConfig', 'allowed_route_names': ['to']}}]},
    'copies': {'response_headers_to_copy': ['x-token', 'x-absent']},
}
LOCATIONS = ['http://b.org/to', 'http://B.org:80/to?q#f', 'http://b.org:81', 'https://b.org/to', '/to', '', 'http://', 'ftp://b.org/to', 'http://u@b.org/to',
             'http://b.org/to b', 'http://b.org/nowhere', 'http://b.org/direct', 'http://b.org/plain', 'http://[::1]:81/to', 'HTTP://b.org/to']


def configuration(upstream, log):
    routes = [{**route(f'/{name}', internal_redirect_policy=policy), 'name': name} for name, policy in POLICIES.items()]
    routes += [{**route('/to'), 'name': 'to'}, direct('/direct', 418), route(path='/'),
               {**route('/changes', prefix_rewrite='/rewritten', internal_redirect_policy={}, host_rewrite_literal='c.org'), 'name': 'changes'}]
    return config(cluster('up', upstream), access_log=log, virtual_hosts=[virtual_host('all', ['*'], *routes)])


def moving(status, location, body=b'moved'):
    """Redirects all but what is below /to."""
    def respond(request, connection):
        if request.path.startswith('/to'):
            return raw(b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 'keep')(request, connection)
        head = f'HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nx-token: t\r\n' + (f'location: {location}\r\n' if location is not None else '')
        raw(head.encode() + b'\r\n' + body, 'keep')(request, connection)
    return respond


def get(path, *fields):
    return '\r\n'.join([f'GET {path} HTTP/1.1', 'host: a', *fields, '', ''])


def exchanges(_):
    for location in [*LOCATIONS, None]:
        yield Exchange(f'to {location}', get('/plain/x?y'), respond=moving(302, location))
    for policy in POLICIES:
        for location in ('http://b.org/to', f'http://b.org/{policy}/again', 'https://b.org/to'):
            yield Exchange(f'{policy} to {location}', get(f'/{policy}', 'x-token: mine', 'x-absent: mine'), respond=moving(302, location))
    for status in (300, 301, 302, 303, 304, 305, 307, 308):
        for method in ('GET', 'HEAD', 'POST'):
            body = '' if method != 'POST' else 'hello'
            data = f'{method} /codes HTTP/1.1\r\nhost: a\r\n' + (f'content-length: {len(body)}\r\n' if body else '') + f'\r\n{body}'
            yield Exchange(f'{method}, {status}', data, respond=moving(status, 'http://b.org/to', b'' if status == 304 else b'moved'))
    yield Exchange('a chunked body', 'POST /plain HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', respond=moving(302, 'http://b.org/to'))
    yield Exchange('from TLS, it says', get('/plain', 'x-forwarded-proto: https'), respond=moving(302, 'https://b.org/to'))
    yield Exchange('what the first route changes', get('/changes/x'), respond=moving(302, 'http://b.org/to'))
    for name, policy in {'fine': {}, 'code 200': {'redirect_response_codes': [200]}, 'code 304': {'redirect_response_codes': [304]},
                         'six codes': {'redirect_response_codes': [301] * 6}, 'no type': {'predicates': [{'name': 'x'}]},
                         'host': {'response_headers_to_copy': ['host']}, 'pseudo': {'response_headers_to_copy': [':path']}}.items():
        yield Verdict(name, config(cluster('up', 1), routes=[route(internal_redirect_policy=policy)]))
