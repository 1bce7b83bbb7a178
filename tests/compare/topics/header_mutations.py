# SPDX-License-Identifier: Apache-2.0
"""Header fields added and removed on all levels, by all ways of appending, with formats as values; weighted and named clusters."""
from compare.exchange import Exchange, Exchange2, Verdict
from harness import cluster, config, direct, redirect, route, virtual_host


def add(name, value, action=None, **fields):
    return {'header': {'key': name, 'value': value}, **({'append_action': action} if action else {}), **fields}


def level(name):
    added = [add('x-level', name), add('x-last', name, 'OVERWRITE_IF_EXISTS_OR_ADD')]
    return {'request_headers_to_add': added, 'response_headers_to_add': added}


ADDED = [add('x-append', '1'), add('x-absent', '1', 'ADD_IF_ABSENT'), add('x-over', '1', 'OVERWRITE_IF_EXISTS_OR_ADD'),
         add('x-only', '1', 'OVERWRITE_IF_EXISTS'), add('x-old', '1', append=False), add('x-older', '1', append=True), add('x-empty', ''),
         add('x-keep', '', keep_empty_value=True), add('x-none', '%REQ(nope)%'), add('x-part', 'a%REQ(nope)%b'),
         add('x-kept', '%REQ(nope)%', keep_empty_value=True), add('x-path', '%REQ(:PATH)%'), add('x-seen', '%REQ(x-gone)%'),
         add('x-client', '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'), add('x-proto', '%PROTOCOL%'), add('x-cluster', '%UPSTREAM_CLUSTER%'),
         add('x-host', '%UPSTREAM_HOST%'), add('x-route', '%ROUTE_NAME%'), add('x-code', '%RESPONSE_CODE%'), add('x-flags', '%RESPONSE_FLAGS%'),
         add('x-short', '%REQ(x-long):3%'), add('x-percent', '50%%'), add('X-Upper', '1'), add('x-other', '%REQ(nope?x-append)%'),
         add('user-agent', 'ours'), add('x-details', '%RESPONSE_CODE_DETAILS%'), add('x-tls', '%DOWNSTREAM_TLS_VERSION%'),
         add('x-answer', '%RESP(server)%'), add('x-year', '%START_TIME(%Y)%'), add('x-was-over', '%REQ(x-over)%')]
ANSWERED = [add('x-code', '%RESPONSE_CODE%'), add('x-flags', '%RESPONSE_FLAGS%'), add('x-cluster', '%UPSTREAM_CLUSTER%'), add('x-path', '%REQ(:PATH)%'),
            add('x-original', '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%'), add('x-type', '%RESP(content-type)%'), add('server', 'mine'), add('date', 'today'),
            add('x-details', '%RESPONSE_CODE_DETAILS%'), add('content-type', 'text/x', 'OVERWRITE_IF_EXISTS_OR_ADD'), add('x-none', '%RESP(nope)%')]


def table(**fields):
    routes = [
        {**route('/all', prefix_rewrite='/new'), 'name': 'blue', 'request_headers_to_add': ADDED, 'request_headers_to_remove': ['x-gone', 'X-Gone-2'],
         'response_headers_to_add': ANSWERED, 'response_headers_to_remove': ['x-envoy-upstream-service-time']},
        {**route('/order'), **level('route')},
        {'match': {'prefix': '/weighted'}, 'route': {'weighted_clusters': {'clusters': [
            {'name': 'down', 'weight': 0}, {'name': 'up', 'weight': 7, 'host_rewrite_literal': 'w.org', **level('weighted')}]}}, **level('route')},
        {**direct('/here', 200, 'text'), **level('route'), 'response_headers_to_add': ANSWERED},
        {**direct('/empty', 200), 'response_headers_to_add': ANSWERED}, {**redirect('/away', path_redirect='/x'), **level('route')},
        {**route('/down', cluster='down'), **level('route')}, {**route('/missing', cluster='missing'), **level('route')},
        {'match': {'prefix': '/named'}, 'route': {'cluster_header': 'X-Cluster', 'cluster_not_found_response_code': 'NOT_FOUND'}, **level('route')}]
    return {'name': 'local', 'validate_clusters': False, **level('table'), **fields,
            'virtual_hosts': [{**virtual_host('all', ['*'], *routes), **level('host')}]}


def configuration(upstream, log):
    return config(cluster('up', upstream), cluster('down', 1), access_log=log, route_config=table())


def request(path, *fields):
    return Exchange(f'{path} {fields}', '\r\n'.join([f'GET {path} HTTP/1.1', 'host: a', *fields, '', '']))


def by_http2(path, *fields):
    return Exchange2(f'HTTP/2 {path} {fields}', lambda client: client.open(path, headers=[tuple(field.split(': ')) for field in fields], host='a'))


ASKED = [('/all?q', 'x-append: 0', 'x-absent: 0', 'x-over: 0', 'x-gone: 1', 'x-gone-2: 2', 'x-long: abcdef', 'x-old: 0', 'x-older: 0'),
         ('/all', 'x-only: 0', 'user-agent: u'), ('/order', 'x-level: 0', 'x-last: 0', 'x-last: 1'), ('/weighted',), ('/here',), ('/empty',), ('/away',), ('/down',), ('/missing',),
         ('/named', 'x-cluster: up'), ('/named',), ('/named', 'x-cluster: nope'), ('/named', 'x-cluster: down'), ('/nowhere',)]
WRONG = {'pseudo header': add(':path', 'x'), 'host': add('Host', 'x'), 'no name': add('', 'x'), 'line feed': add('a', 'x\n'), 'no operator': add('a', '%NOPE%'),
         'lonely percent': add('a', '50%'), 'both ways': add('a', 'x', 'ADD_IF_ABSENT', append=False), 'old way': add('a', 'x', append=True)}
CLUSTERS = {'none': [], 'weight 0': [{'name': 'up', 'weight': 0}], 'no weight': [{'name': 'up'}], 'unknown': [{'name': 'nope', 'weight': 1}],
            'no name': [{'weight': 1}], 'by header': [{'cluster_header': 'x', 'weight': 1}], 'two names': [{'name': 'up', 'cluster_header': 'x', 'weight': 1}],
            'too heavy': [{'name': 'up', 'weight': 4294967295}, {'name': 'up', 'weight': 1}]}


def exchanges(options):
    for asked in ASKED:
        yield request(*asked)
        yield by_http2(*asked)
    for name, wrong in WRONG.items():
        for where in ('request_headers_to_add', 'response_headers_to_add'):
            yield Verdict(f'{where}: {name}', config(cluster('up', 1), routes=[{**route(), where: [wrong]}]))
    for name in (':path', 'host', '', 'x'):
        yield Verdict(f'remove {name!r}', config(cluster('up', 1), routes=[{**route(), 'request_headers_to_remove': [name]}]))
    for name, clusters in CLUSTERS.items():
        yield Verdict(f'weights: {name}', config(cluster('up', 1), routes=[{'match': {'prefix': '/'}, 'route': {'weighted_clusters': {'clusters': clusters}}}]))
    yield Verdict('no cluster header', config(cluster('up', 1), routes=[{'match': {'prefix': '/'}, 'route': {'cluster_header': ''}}]))
