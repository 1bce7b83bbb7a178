# SPDX-License-Identifier: Apache-2.0
"""Retry policies: each kind of policy against each kind of failure, with how many attempts it takes."""
from compare.exchange import Exchange
from harness import bootstrap, close, cluster, hcm, listener, raw, reset, route, silent, virtual_host

OFTEN = {'num_retries': 2, 'retry_back_off': {'base_interval': '0.001s'}}
POLICIES = {
    '5xx': {'retry_on': '5xx'},
    'gateway': {'retry_on': 'gateway-error'},
    'reset': {'retry_on': 'reset'},
    'connect': {'retry_on': 'connect-failure'},
    'before': {'retry_on': 'reset-before-request'},
    'conflict': {'retry_on': 'retriable-4xx'},
    'codes': {'retry_on': 'retriable-status-codes', 'retriable_status_codes': [404, 500]},
    'limited': {'retry_on': 'envoy-ratelimited'},
    'grpc': {'retry_on': 'unavailable,cancelled'},
    'none': {'num_retries': 2},
    'zero': {'retry_on': '5xx', 'num_retries': 0},
    'brief': {'retry_on': '5xx', 'per_try_timeout': '0.15s'},
    'both': {'retry_on': '5xx,retriable-4xx'},
}


def configuration(upstream, log):
    routes = [route(f'/{name}', timeout='1s', retry_policy={**OFTEN, **policy}) for name, policy in POLICIES.items()]
    routes.append(route('/nowhere', 'nowhere', retry_policy={**OFTEN, 'retry_on': 'connect-failure'}))
    host = {**virtual_host('all', ['*'], *routes), 'include_request_attempt_count': True, 'include_attempt_count_in_response': True}
    return bootstrap([listener(hcm(virtual_hosts=[host], access_log=log, delayed_close_timeout='0.05s'))],
                     [cluster('up', upstream), cluster('nowhere', 1)])


def status(code, *fields, body=b'hello'):
    lines = ''.join(f'{field}\r\n' for field in fields).encode()
    return raw(b'HTTP/1.1 %d X\r\n%scontent-length: %d\r\n\r\n%s' % (code, lines, len(body), body), 'keep')


FAILURES = {
    '500': status(500), '503': status(503), '503 without a body': status(503, body=b''), '404': status(404), '409': status(409), '200': status(200),
    'limited': status(429, 'x-envoy-ratelimited: true'), 'limited 503': status(503, 'x-envoy-ratelimited: true'),
    'grpc 14': status(200, 'grpc-status: 14', 'content-type: application/grpc', body=b''), 'reset': reset, 'close': close,
    'no HTTP': raw(b'nonsense\r\n\r\n'), 'cut head': raw(b'HTTP/1.1 200 OK\r\nconten'),
    'cut body': raw(b'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel'), 'overloaded': status(503, 'x-envoy-overloaded: true'),
}


def failing(step, times):
    """Fails so many attempts, then answers."""
    def respond(request, connection):
        attempt = int(request.headers['x-envoy-attempt-count'])
        (step if attempt <= times else status(200))(request, connection)
    return respond


def exchanges(_):
    for policy in POLICIES:
        for name, step in FAILURES.items():
            for times in (1, 3):
                yield Exchange(f'{policy}: {name} x {times}', f'GET /{policy} HTTP/1.1\r\nhost: a\r\n\r\n', respond=failing(step, times))
            yield Exchange(f'{policy}: {name}, with a body', f'POST /{policy} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc',
                           respond=failing(step, 1))
    for times in (1, 3):
        yield Exchange(f'silent x {times}', 'GET /brief HTTP/1.1\r\nhost: a\r\n\r\n', respond=failing(silent, times))
        yield Exchange(f'silent x {times}, with a body', 'POST /brief HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc', respond=failing(silent, times))
    yield Exchange('nowhere', 'GET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n')
    yield Exchange('orders from outside', 'GET /none HTTP/1.1\r\nhost: a\r\nx-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 3\r\n\r\n', respond=failing(reset, 1))
