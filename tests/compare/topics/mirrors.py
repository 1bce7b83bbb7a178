# SPDX-License-Identifier: Apache-2.0
"""Copies of requests: what they look like, which requests have one, and what policies may say."""
from compare.exchange import Exchange, Verdict
from harness import answer, cluster, config, route, virtual_host


def to(*names, **fields):
    return {'request_mirror_policies': [{'cluster': name, **fields} for name in names]}


def configuration(upstream, log):
    routes = [
        {**route('/changed', host_rewrite_literal='b.org', prefix_rewrite='/new', **to('copies')), 'request_headers_to_add': [{'header': {'key': 'x-more', 'value': '1'}}]},
        route('/same', **to('copies', disable_shadow_host_suffix_append=True)), route('/none', **to('copies', runtime_fraction={'default_value': {'numerator': 0}})),
        route('/by', request_mirror_policies=[{'cluster_header': 'x-copy'}]), route('/times', timeout='3s', **to('copies')), route('/twice', **to('copies', 'copies')),
        route('/auto', auto_host_rewrite=True, **to('copies')), {**route(path='/here'), 'direct_response': {'status': 200}, 'route': None}, route('/')]
    routes = [{name: value for name, value in one.items() if value is not None} for one in routes]
    host = {**virtual_host('all', ['*'], *routes), 'include_request_attempt_count': True, **to('copies')}
    return config(cluster('up', upstream), cluster('copies', upstream), access_log=log, virtual_hosts=[host])


def get(path, *fields, method='GET', body=''):
    return '\r\n'.join([f'{method} {path} HTTP/1.1', 'host: a:81', *fields, '', body])


def exchanges(_):
    for path in ('/', '/changed/x', '/same', '/none', '/by', '/times', '/twice', '/here'):
        yield Exchange(path, get(path))
    for name in ('copies', 'nobody', ''):
        yield Exchange(f'by {name}', get('/by', f'x-copy: {name}'))
    yield Exchange('a body', get('/', 'content-length: 5', method='POST', body='hello'))
    yield Exchange('chunks', get('/', 'transfer-encoding: chunked', method='POST', body='5\r\nhello\r\n0\r\n\r\n'))
    yield Exchange('trailers', get('/', 'transfer-encoding: chunked', method='POST', body='5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n'))
    yield Exchange('expect', get('/', 'content-length: 5', 'expect: 100-continue', method='POST', body='hello'), answers=2)
    yield Exchange('HEAD', get('/', method='HEAD'))
    yield Exchange('500', get('/'), respond=answer(b'', 500))
    for name, policy in {'fine': {'cluster': 'up'}, 'nobody': {'cluster': 'nope'}, 'none': {}, 'both': {'cluster': 'up', 'cluster_header': 'x'},
                         'no default': {'cluster': 'up', 'runtime_fraction': {}}, 'bad field': {'cluster_header': 'a b'}}.items():
        yield Verdict(name, config(cluster('up', 1), routes=[route(request_mirror_policies=[policy])]))
