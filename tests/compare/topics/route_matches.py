# SPDX-License-Identifier: Apache-2.0
"""Which route a request takes: paths, header matchers, query parameters, gRPC; and which matchers are refused."""
from compare.exchange import Exchange, Verdict
from harness import cluster, config

HEADERS = {
    'exact': {'string_match': {'exact': 'a'}}, 'prefix': {'string_match': {'prefix': 'a'}}, 'suffix': {'string_match': {'suffix': 'a'}},
    'contains': {'string_match': {'contains': 'BC', 'ignore_case': True}}, 'regex': {'string_match': {'safe_regex': {'regex': '[ab]+'}}},
    'empty': {'string_match': {'exact': ''}}, 'range': {'range_match': {'start': 1, 'end': 10}}, 'present': {'present_match': True},
    'absent': {'present_match': False}, 'nothing': {}, 'old-exact': {'exact_match': 'a'}, 'old-prefix': {'prefix_match': 'a'},
    'old-suffix': {'suffix_match': 'a'}, 'old-contains': {'contains_match': 'b'}, 'old-regex': {'safe_regex_match': {'regex': 'a.*'}},
}
VARIANTS = {'': {}, '-inverted': {'invert_match': True}, '-or-empty': {'treat_missing_header_as_empty': True},
            '-both': {'invert_match': True, 'treat_missing_header_as_empty': True}}
VALUES = [(), ('',), ('a',), ('b',), ('A',), ('abc',), ('5',), ('+5',), ('-5',), ('10',), ('5x',), ('a', 'b'), ('b', 'a')]
QUERIES = {'exact': {'string_match': {'exact': 'a'}}, 'present': {'present_match': True}, 'absent': {'present_match': False}, 'nothing': {},
           'regex': {'string_match': {'safe_regex': {'regex': '[0-9]+'}}}}
ASKED = ['', '?', '?q', '?q=', '?q=a', '?q=a&q=b', '?q=b&q=a', '?q=5', '?q=%61', '?r=a&q=a', '?Q=a', '?x&q=a', '?q=a=b', '?&&q=a', '?q=a&']
PATHS = {'/sep': {'path_separated_prefix': '/sep'}, '/SOFT': {'path_separated_prefix': '/SOFT', 'case_sensitive': False},
         'regex': {'safe_regex': {'regex': '/re/[0-9]+'}}, 'either': {'safe_regex': {'regex': '/a|/b'}},
         'folded': {'safe_regex': {'regex': '/Folded'}, 'case_sensitive': False}}
TARGETS = ['/sep', '/sep/', '/sep/x', '/separate', '/sep?x', '/SEP', '/soft', '/soft/x', '/softer', '/re/12', '/re/12?x=y', '/re/12x', '/re/',
           '/folded', '/Folded', '/a', '/ab', '/b?x']


def configuration(upstream, log):
    def on(match):
        return {'match': match, 'direct_response': {'status': 200}}
    routes = [on({'prefix': f'/h-{name}{variant}/', 'headers': [{'name': 'X', **matcher, **fields}]})
              for name, matcher in HEADERS.items() for variant, fields in VARIANTS.items()]
    routes += [on({'prefix': f'/q-{name}/', 'query_parameters': [{'name': 'q', **matcher}]}) for name, matcher in QUERIES.items()]
    routes += [on({'prefix': '/authority', 'headers': [{'name': 'host', 'string_match': {'exact': 'a'}}]}), on({'prefix': '/grpc', 'grpc': {}})]
    return config(cluster('up', upstream), access_log=log, routes=routes + [on(match) for match in PATHS.values()])


def request(path, *fields, host='a'):
    return Exchange(f'{path} {fields} {host}', '\r\n'.join([f'GET {path} HTTP/1.1', f'host: {host}', *fields, '', '']))


REFUSED = {
    'separated prefix with a slash': {'path_separated_prefix': '/a/'}, 'separated prefix with a query': {'path_separated_prefix': '/a?b'},
    'short separated prefix': {'path_separated_prefix': '/'}, 'broken regex': {'safe_regex': {'regex': '('}}, 'no regex': {'safe_regex': {'regex': ''}},
    'no header name': {'prefix': '/', 'headers': [{'name': ''}]}, 'no text': {'prefix': '/', 'headers': [{'name': 'x', 'string_match': {}}]},
    'empty prefix': {'prefix': '/', 'headers': [{'name': 'x', 'string_match': {'prefix': ''}}]},
    'backward range': {'prefix': '/', 'headers': [{'name': 'x', 'range_match': {'start': 5, 'end': 1}}]},
    'regex without case': {'prefix': '/', 'headers': [{'name': 'x', 'string_match': {'safe_regex': {'regex': 'a'}, 'ignore_case': True}}]},
    'no query name': {'prefix': '/', 'query_parameters': [{'name': ''}]},
}


def exchanges(options):
    for name in (f'{name}{variant}' for name in HEADERS for variant in VARIANTS):
        for values in VALUES:
            yield request(f'/h-{name}/', *(f'x: {value}' for value in values))
    for name in QUERIES:
        for query in ASKED:
            yield request(f'/q-{name}/{query}')
    for target in TARGETS:
        yield request(target)
    yield request('/authority')
    yield request('/authority', host='b')
    for kind in ('application/grpc', 'application/grpc+proto', 'application/grpcx', 'application/json'):
        yield request('/grpc', f'content-type: {kind}')
    for name, match in REFUSED.items():
        yield Verdict(name, config(cluster('up', 1), routes=[{'match': match, 'direct_response': {'status': 200}}]))
