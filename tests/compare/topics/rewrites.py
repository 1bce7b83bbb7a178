# SPDX-License-Identifier: Apache-2.0
"""What a route makes of path and host, where redirects lead, and virtual hosts that want TLS."""
from compare.exchange import Exchange, Verdict
from harness import cluster, config, redirect, route, virtual_host


def by(pattern, substitution):
    return {'pattern': {'regex': pattern}, 'substitution': substitution}


ROUTES = [
    route('/r-groups', regex_rewrite=by(r'^/r-groups/(\w+)/(\d+)', r'/x\2/\1')), route('/r-all', regex_rewrite=by('a', 'b')),
    route('/r-empty', regex_rewrite=by('x*', '-')), route('/r-none', regex_rewrite=by('nomatch', 'b')), route('/r-back', regex_rewrite=by('a+', r'[\0]')),
    route('/h-text', host_rewrite_literal='h.org'), route('/hx-text', host_rewrite_literal='h.org', append_x_forwarded_host=True),
    route('/hx-none', append_x_forwarded_host=True), route('/h-field', host_rewrite_header='X-Host'),
    route('/hx-field', host_rewrite_header='x-host', append_x_forwarded_host=True),
    route('/h-path', host_rewrite_path_regex=by('^/h-path/([^/]+)/.*$', r'\1'), prefix_rewrite='/q'),
    route('/h-other', host_rewrite_path_regex=by('^/zz/([^/]+)/.*$', r'\1')),
    route('/a-named', cluster='named', auto_host_rewrite=True), route('/ax-named', cluster='named', auto_host_rewrite=True, append_x_forwarded_host=True),
    route('/a-plain', auto_host_rewrite=True, append_x_forwarded_host=True), route('/a-off', cluster='named', auto_host_rewrite=False),
    redirect('/d-regex', regex_rewrite=by('^/d-regex/(.*)$', r'/n/\1')),
    redirect('/d-strip', regex_rewrite=by('^/d-strip/(.*)$', r'/n/\1'), strip_query=True, response_code='PERMANENT_REDIRECT'),
    redirect('/d-prefix', prefix_rewrite='/n', response_code='FOUND'), redirect('/d-scheme', scheme_redirect='HTTPS', response_code='SEE_OTHER'),
    redirect('/d-host', host_redirect='h:8'), redirect('/d-port', host_redirect='h', port_redirect=8, response_code='TEMPORARY_REDIRECT'),
    redirect('/d-https', https_redirect=True, path_redirect='/p?own=1'), redirect('/d-path', path_redirect='/p', strip_query=True),
    {'match': {'safe_regex': {'regex': '/s.*'}}, 'redirect': {'prefix_rewrite': '/n'}},
    {'match': {'path_separated_prefix': '/sep'}, 'redirect': {'prefix_rewrite': '/n'}},
    {'match': {'path_separated_prefix': '/fsep'}, 'route': {'cluster': 'up', 'prefix_rewrite': '/n'}},
    {'match': {'safe_regex': {'regex': '/f.*'}}, 'route': {'cluster': 'up', 'prefix_rewrite': '/n'}}]


def configuration(upstream, log):
    named = cluster('named', upstream)
    named['load_assignment']['endpoints'][0]['lb_endpoints'][0]['endpoint']['hostname'] = 'named.org'
    hosts = [virtual_host('all', ['*'], *ROUTES), {**virtual_host('tls', ['tls.org'], route()), 'require_tls': 'ALL'},
             {**virtual_host('external', ['external.org'], route()), 'require_tls': 'EXTERNAL_ONLY'}]
    return config(cluster('up', upstream), named, access_log=log, virtual_hosts=hosts)


def request(path, *fields, host='a:80'):
    return Exchange(f'{path} {fields} {host}', '\r\n'.join([f'GET {path} HTTP/1.1', f'host: {host}', *fields, '', '']))


PATHS = ['/r-groups/ab/12/c?x=/r-groups/a/1', '/r-groups', '/r-all/aaca?a=a', '/r-empty/xxa', '/r-none?a', '/r-back/aaba', '/h-text', '/hx-text', '/hx-none',
         '/h-field', '/hx-field', '/h-path/HOST/x?y', '/h-path', '/h-other/q?x', '/a-named', '/ax-named', '/a-plain', '/a-off', '/d-regex/x?y', '/d-strip/x?y',
         '/d-prefix/x?y', '/d-scheme', '/d-host', '/d-port', '/d-https?q', '/d-path?q', '/s?x', '/sep/x?y', '/fsep/x?y', '/fsep?y', '/f/x?y']
FIELDS = [(), ('x-host: n',), ('x-host: n', 'x-host: m'), ('x-host:',), ('x-forwarded-host: z',), ('x-forwarded-host: z,a:80',), ('x-forwarded-proto: https',)]
ROUTE_VERDICTS = {
    'two rewrites': {'prefix_rewrite': '/a', 'regex_rewrite': by('a', 'b')}, 'broken': {'regex_rewrite': by('(', 'b')}, 'empty': {'regex_rewrite': by('', 'b')},
    'no substitution': {'regex_rewrite': {'pattern': {'regex': 'a'}}}, 'no pattern': {'regex_rewrite': {'substitution': 'a'}},
    'line feed': {'regex_rewrite': by('a', 'b\n')}, 'no field': {'host_rewrite_header': ''}, 'fine': {'host_rewrite_path_regex': by('a', 'b')}}


def exchanges(options):
    for path in PATHS:
        for fields in FIELDS:
            yield request(path, *fields)
    for host in ('tls.org', 'external.org'):
        for fields in ((), ('x-forwarded-proto: https',), ('x-forwarded-proto: HTTPS',), ('x-envoy-internal: true',)):
            yield request('/x?y', *fields, host=host)
    for name, fields in ROUTE_VERDICTS.items():
        yield Verdict(name, config(cluster('up', 1), routes=[route(**fields)]))
    for size in (4096, 4097):
        for table in ({}, {'max_direct_response_body_size_bytes': 5000}):
            body = {'match': {'prefix': '/'}, 'direct_response': {'status': 200, 'body': {'inline_string': 'a' * size}}}
            yield Verdict(f'{size} bytes {table}', config(cluster('up', 1), route_config={
                'name': 'local', **table, 'virtual_hosts': [virtual_host('all', ['*'], body)]}))
