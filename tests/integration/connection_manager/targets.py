# SPDX-License-Identifier: Apache-2.0
"""Paths and hosts are put in order before a route is looked for; what cannot be is refused, what is asked for so is redirected."""
from harness import *

ORDERLY = {'normalize_path': True, 'merge_slashes': True, 'strip_trailing_host_dot': True}
upstream = Upstream(echo)
HOSTS = [virtual_host('a', ['a.org'], {**route('/admin', cluster='none'), 'name': 'guarded'}, route('/')), virtual_host('rest', ['*'], direct('/', 404, 'which host?'))]


def one(name, **fields):
    return listener(hcm(virtual_hosts=HOSTS, stat_prefix=name, **fields), name=name)


table = bootstrap([one('reject', **ORDERLY, strip_any_host_port=True, path_with_escaped_slashes_action='REJECT_REQUEST'),
                   one('redirect', **ORDERLY, path_with_escaped_slashes_action='UNESCAPE_AND_REDIRECT'),
                   one('forward', **ORDERLY, path_with_escaped_slashes_action='UNESCAPE_AND_FORWARD'),
                   one('keep', strip_matching_host_port=True, path_with_escaped_slashes_action='KEEP_UNCHANGED')], [cluster('up', upstream.port), cluster('none', 1)])
proxy = Proxy(table)
ports = proxy.listener_ports()


def ask(name, path, host='a.org', kind=Client, headers=()):
    with kind(ports[name]) as client:
        return client.request(path, host=host, headers=list(headers))


def came(name, path, host='a.org', kind=Client):
    """What the upstream was asked for."""
    response = ask(name, path, host, kind)
    expect(response.status, 200, (name, path, host))
    seen = dict(item.split('=', 1) for item in response.headers['x-seen'].rstrip(';').split('; ') if '=' in item)
    return response.headers['x-path'], seen.get('host') or seen.get(':authority')


for kind in (Client, Http2Client):
    expect(came('forward', '/x/./y/../%7eme//z?q=/../%2F//', 'a.org.', kind), ('/x/~me/z?q=/../%2F//', 'a.org'))
    expect(came('forward', '/b%2f..%5Cc', kind=kind), ('/c', 'a.org'))
    expect(came('keep', '/b/../%2f//c', kind=kind), ('/b/../%2f//c', 'a.org'))
    expect(came('reject', '/', 'a.org.:8080', kind), ('/', 'a.org'))
    expect(came('keep', '/', f'a.org:{ports["keep"]}', kind), ('/', 'a.org'))
    expect(ask('keep', '/', 'a.org:1', kind).status, 404)
    # No way around a route: 503 is the guarded one's.
    for path in ('/admin', '//admin', '/x/../admin', '/%61dmin', '/.//admin/', '/x/%2e%2e/admin', '/x/..%2fadmin', '/x%2F%2e%2E%5cadmin', '/\\admin'):
        expect(ask('forward', path, kind=kind).status, 503, path)
    for path in ('/a%2fb', '/a%5Cb', '/%00'):
        expect(ask('reject', path, kind=kind).status, 400, path)
    response = ask('redirect', '/a%2Fb/../c?d=%2F', kind=kind)
    expect((response.status, response.headers['location'], response.body), (307, '/a/c?d=%2F', b''))
    expect(ask('redirect', '/a%2Fb', kind=kind, headers=[('content-type', 'application/grpc')]).headers['grpc-status'], '13')
proxy.wait_stat('http.reject.downstream_rq_failed_path_normalization', 6)
proxy.wait_stat('http.redirect.downstream_rq_failed_path_normalization', 2)
proxy.wait_stat('http.redirect.downstream_rq_redirected_with_normalized_path', 2)
# A refused path ends its connection: who wrote it may mean another end of the request, too.
with Client(ports['reject']) as client:
    expect(client.request('/%00', host='a.org').headers['connection'], 'close')
    expect(client.rest(), ('eof', b''))
