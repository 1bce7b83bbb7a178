# SPDX-License-Identifier: Apache-2.0
"""Header fields are added and removed by route, virtual host and route configuration, in requests, answers and local replies."""
from harness import *


def add(name, value, action=None, **fields):
    return {'header': {'key': name, 'value': value}, **({'append_action': action} if action else {}), **fields}


def level(name):
    return {'request_headers_to_add': [add('x-level', name), add('x-last', name, 'OVERWRITE_IF_EXISTS_OR_ADD')],
            'response_headers_to_add': [add('x-level', name)]}


def seen(response, name):
    """The values of a field that the upstream was sent, as the echo tells them."""
    return [item.split('=', 1)[1] for item in response.headers['x-seen'].rstrip(';').split('; ') if item.startswith(name + '=')]


def answered(response, name):
    return [value for field, value in response.header_list if field == name]


upstream = Upstream(echo)
table = {'name': 'local', **level('table'), 'virtual_hosts': [{**virtual_host(
    'all', ['*'],
    {**route('/order'), **level('route')},
    {**direct('/here', 200, 'text'), 'response_headers_to_add': [
        add('x-code', '%RESPONSE_CODE%'), add('content-type', 'text/html', 'OVERWRITE_IF_EXISTS_OR_ADD')]},
    {**redirect('/away', path_redirect='/there'), **level('route')},
    {**route('/down', cluster='down'), **level('route')},
    {**route('/', prefix_rewrite='/new/', host_rewrite_literal='inner'), 'request_headers_to_remove': ['X-Secret'], 'request_headers_to_add': [
        add('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'), add('x-was', '%REQ(:PATH)% at %REQ(:AUTHORITY)%'),
        add('x-cluster', '%UPSTREAM_CLUSTER%'), add('x-none', '%REQ(nope)%'), add('x-kept', '%REQ(nope)%', keep_empty_value=True),
        add('x-agent', 'default', 'ADD_IF_ABSENT'), add('x-old', 'new', append=False)],
     'response_headers_to_remove': ['x-path'], 'response_headers_to_add': [
        add('x-code', '%RESPONSE_CODE% from %UPSTREAM_CLUSTER%'), add('x-asked-by', '%REQ(:METHOD)%')]}), **level('host')}]}
proxy = Proxy(config(cluster('up', upstream.port), cluster('down', 1), route_config=table))


def check(ask):
    response = ask('/order')
    expect(seen(response, 'x-level'), ['route', 'host', 'table'])
    expect(seen(response, 'x-last'), ['table'])
    expect(answered(response, 'x-level'), ['route', 'host', 'table'])
    response = ask('/x', {'x-secret': '1', 'x-old': 'o'})
    for name, value in (('x-client', ['127.0.0.1']), ('x-was', ['/x at test']), ('x-cluster', ['up']), ('x-none', []), ('x-kept', ['']),
                        ('x-agent', ['default']), ('x-old', ['new']), ('x-secret', [])):
        expect(seen(response, name), value, name)
    expect(answered(response, 'x-code'), ['200 from up'])
    expect(answered(response, 'x-asked-by'), ['GET'])
    expect(answered(response, 'x-path'), [])
    expect(seen(ask('/x', {'x-agent': 'mine'}), 'x-agent'), ['mine'])
    # What is answered here has them, too; its code is not known yet, as in Envoy.
    response = ask('/here')
    expect((response.body, answered(response, 'x-level'), answered(response, 'x-code')), (b'text', ['host', 'table'], ['0']))
    expect(answered(response, 'content-type'), ['text/html'])
    for path, status in (('/away', 301), ('/down', 503)):
        response = ask(path)
        expect((response.status, answered(response, 'x-level')), (status, ['route', 'host', 'table']), path)


with Client(proxy.port) as client:
    check(lambda path, headers={}: client.request(path, headers=headers))
with Http2Client(proxy.port) as client:
    check(lambda path, headers={}: client.request(path, headers=list(headers.items())))
