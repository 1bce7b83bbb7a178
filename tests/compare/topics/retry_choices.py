# SPDX-License-Identifier: Apache-2.0
"""Retries by fields, when the upstream says, after silence; how long an attempt may last; what policies may say."""
from compare.exchange import Exchange, Verdict
from harness import cluster, config, raw, route, silent, speaks, virtual_host

OFTEN = {'num_retries': 2, 'retry_back_off': {'base_interval': '0.001s'}}
PREVIOUS = [{'name': 'envoy.retry_host_predicates.previous_hosts', 'typed_config': {
    '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'}}]
POLICIES = {
    'fields': {'retry_on': 'retriable-headers', 'retriable_headers': [{'name': 'x-again'}, {'name': 'x-mode', 'string_match': {'prefix': 'bad'}}]},
    'asked': {'retry_on': '5xx', 'retriable_request_headers': [{'name': ':method', 'string_match': {'exact': 'GET'}}, {'name': 'x-safe'}]},
    'limited': {'retry_on': '5xx', 'rate_limited_retry_back_off': {'reset_headers': [{'name': 'Retry-After'}], 'max_interval': '1s'}},
    'idle': {'retry_on': '5xx', 'per_try_idle_timeout': '0.15s'}, 'others': {'retry_on': '5xx', 'retry_host_predicate': PREVIOUS},
}


def configuration(upstream, log):
    # Without a timeout, of which the upstream would be told what is left.
    routes = [route(f'/{name}', timeout='0s', retry_policy={**OFTEN, **policy}) for name, policy in POLICIES.items()]
    routes += [route('/brief-again', 'brief', timeout='0s', retry_policy={**OFTEN, 'retry_on': '5xx'}), route('/brief', 'brief'), route('/')]
    host = {**virtual_host('all', ['*'], *routes), 'include_request_attempt_count': True, 'include_attempt_count_in_response': True}
    return config(cluster('up', upstream), cluster('brief', upstream, **speaks('http1', common={'max_stream_duration': '0.15s'})), access_log=log,
                  virtual_hosts=[host])


def status(code, *fields):
    lines = ''.join(f'{field}\r\n' for field in fields)
    return raw(f'HTTP/1.1 {code} X\r\n{lines}content-length: 5\r\n\r\nhello'.encode(), 'keep')


def failing(step, times=1):
    def respond(request, connection):
        (step if int(request.headers['x-envoy-attempt-count']) <= times else status(200))(request, connection)
    return respond


def stalls(request, connection):
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel')
    silent(request, connection)


def get(path, *fields, method='GET'):
    return '\r\n'.join([f'{method} {path} HTTP/1.1', 'host: a', *fields, '', ''])


def exchanges(_):
    for fields in (['x-again: '], ['x-mode: bad1'], ['x-mode: good'], ['x-mode: good', 'x-again: 1'], []):
        for code in (200, 500):
            yield Exchange(f'{fields}, {code}', get('/fields'), respond=failing(status(code, *fields)))
            yield Exchange(f'{fields}, {code}, always', get('/fields'), respond=failing(status(code, *fields), 9))
    for method, fields in (('GET', []), ('POST', []), ('POST', ['x-safe: 1']), ('POST', ['x-envoy-retry-on: 5xx'])):
        yield Exchange(f'{method} {fields}', get('/asked', *fields, method=method), respond=failing(status(500)))
    for when in ('0', '2', 'soon', '-1', '', '1 ', '0x1', '99999999999999999999'):
        yield Exchange(f'limited, {when}', get('/limited'), respond=failing(status(503, f'retry-after: {when}')))
    for path in ('/idle', '/brief', '/brief-again'):
        for times in (1, 3):
            yield Exchange(f'{path}, silent x {times}', get(path), respond=failing(silent, times))
        yield Exchange(f'{path}, half a request', get(path, 'content-length: 9', method='POST'), respond=failing(silent))
        yield Exchange(f'{path}, stalls', get(path), respond=stalls)
    yield Exchange('other endpoints, of which there are none', get('/others'), respond=failing(status(500), 2))
    for fields in ('x-envoy-upstream-stream-duration-ms: 100', 'x-envoy-retriable-header-names: x-again', 'x-envoy-upstream-rq-per-try-idle-timeout-ms: 5'):
        yield Exchange(fields, get('/', fields), respond=failing(status(200)))
    for name, policy in {
            'fine': {'host_selection_retry_max_attempts': 3, 'retry_host_predicate': PREVIOUS}, 'attempts alone': {'host_selection_retry_max_attempts': 3},
            'no attempts': {'host_selection_retry_max_attempts': 0}, 'no type': {'retry_host_predicate': [{'name': 'x'}]},
            'no name': {'retry_host_predicate': [{**PREVIOUS[0], 'name': ''}]}, 'no reset': {'rate_limited_retry_back_off': {}},
            'no interval': {'rate_limited_retry_back_off': {'reset_headers': [{'name': 'a'}], 'max_interval': '0s'}},
            'no field': {'rate_limited_retry_back_off': {'reset_headers': [{'name': ''}]}}}.items():
        yield Verdict(name, config(cluster('up', 1), routes=[route(retry_policy={'retry_on': '5xx', **policy})]))
    for name, budget in {'budget': {'budget_percent': {'value': 20}}, 'budget of nothing': {}, 'budget of 101': {'budget_percent': {'value': 101}},
                         'least 0': {'min_retry_concurrency': 0}}.items():
        yield Verdict(name, config(cluster('up', 1, circuit_breakers={'thresholds': [{'retry_budget': budget}]})))
