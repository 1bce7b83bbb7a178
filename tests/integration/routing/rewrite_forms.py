# SPDX-License-Identifier: Apache-2.0
"""Paths and hosts are rewritten by expression, by a field, and by the endpoint's name, over HTTP/1 and HTTP/2."""
from harness import *


def by(pattern, substitution):
    return {'pattern': {'regex': pattern}, 'substitution': substitution}


def seen(response, name):
    return dict(item.split('=', 1) for item in response.headers['x-seen'].rstrip(';').split('; ')).get(name)


upstream = Upstream(echo)
named = cluster('named', ('localhost', upstream.port), type='STRICT_DNS', dns_lookup_family='V4_ONLY')
proxy = Proxy(config(cluster('up', upstream.port), named, routes=[
    route('/groups', regex_rewrite=by(r'^/groups/(\w+)/(\d+)', r'/\2/\1')),
    route('/field', host_rewrite_header='x-host', append_x_forwarded_host=True),
    route('/path', host_rewrite_path_regex=by('^/path/([^/]+)/.*$', r'\1.org'), prefix_rewrite='/p'),
    route('/auto', cluster='named', auto_host_rewrite=True, append_x_forwarded_host=True),
    redirect('/away', regex_rewrite=by('^/away/(.*)$', r'/there/\1'), strip_query=True)]))


def check(ask):
    response = ask('/groups/ab/12/c?q=/groups/ab/12')
    expect(response.headers['x-path'], '/12/ab/c?q=/groups/ab/12')
    expect(seen(response, 'x-envoy-original-path'), '/groups/ab/12/c?q=/groups/ab/12')
    response = ask('/field', {'x-host': 'inner.org', 'x-forwarded-host': 'first'})
    for name, value in (('host', 'inner.org'), ('x-forwarded-host', 'first,test'), ('x-envoy-original-host', 'test')):
        expect(seen(response, name), value, name)
    expect(seen(ask('/field'), 'host'), 'test')
    response = ask('/path/name/x')
    expect((seen(response, 'host'), response.headers['x-path']), ('name.org', '/p/name/x'))
    response = ask('/auto')
    expect((seen(response, 'host'), seen(response, 'x-forwarded-host')), ('localhost', 'test'))
    response = ask('/away/x?y')
    expect((response.status, response.headers['location']), (301, 'http://test/there/x'))


with Client(proxy.port) as client:
    check(lambda path, headers={}: client.request(path, headers=headers))
with Http2Client(proxy.port) as client:
    check(lambda path, headers={}: client.request(path, headers=list(headers.items())))
