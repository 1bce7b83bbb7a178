# SPDX-License-Identifier: Apache-2.0
"""Retry policies: what is tried again, how often and for how long; the client sees one answer, the upstream each attempt."""
import threading

from harness import *


class Script:
    """Answers each request of a path by the next behaviour that its path was given; then by 200."""

    def __init__(self):
        self.left, self.lock = {}, threading.Lock()

    def expect(self, path, *behaviours):
        self.left[path] = list(behaviours)

    def __call__(self, request, connection):
        with self.lock:
            steps = self.left.get(request.path) or [echo]
            step = steps.pop(0)
        step(request, connection)


def status(code, *headers):
    return answer(b'from above %d' % code, code, headers)


script = Script()
upstream = Upstream(script)
nobody = Upstream()
nobody.close()
log = f'{TMP}/access'
at_once = {'base_interval': '0.001s'}


def policy(retry_on, **fields):
    return {'retry_policy': {'retry_on': retry_on, 'retry_back_off': at_once, **fields}}


routes = [
    route('/gateway', **policy('gateway-error', num_retries=2)), route('/codes', **policy('retriable-status-codes', retriable_status_codes=[404])),
    route('/connect', 'none', **policy('connect-failure', num_retries=2)), route('/never', **policy('5xx', num_retries=0)),
    route('/slow', **policy('5xx', num_retries=2, per_try_timeout='0.2s')), route('/short', timeout='0.3s', **policy('5xx', per_try_timeout='0.1s')),
    route('/waits', timeout='0.3s', retry_policy={'retry_on': '5xx', 'num_retries': 100, 'retry_back_off': {
        'base_interval': '0.05s', 'max_interval': '0.1s'}}),
    route('/plain'), route()]
host = {**virtual_host('all', ['*'], *routes), 'include_request_attempt_count': True, 'include_attempt_count_in_response': True,
        **policy('5xx')}
# Of the routes only the last two have none of their own: theirs is the virtual host's.
proxy = Proxy(bootstrap([listener(hcm(virtual_hosts=[host], access_log=[access_log(log, '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% '
              '%RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n')]))],
              [cluster('up', upstream.port), cluster('none', nobody.port)]), '--concurrency', '1', '--file-flush-interval-msec', '50')


def counted(name, cluster='up'):
    return proxy.stat(f'cluster.{cluster}.{name}')


def attempts(path):
    return [request for request in upstream.requests if request.path == path]


with Client(proxy.port) as client:
    # An answer that the policy names is not shown; its connection, being whole, carries the next attempt.
    script.expect('/', answer(b'', 500))
    response = client.request('/', 'POST', body=b'a body')
    expect((response.status, response.body, response.headers['x-envoy-attempt-count']), (200, b'a body', '2'))
    expect([(request.body, request.headers['x-envoy-attempt-count']) for request in attempts('/')], [(b'a body', '1'), (b'a body', '2')])
    expect((counted('upstream_rq_retry'), counted('upstream_rq_retry_success'), counted('retry.upstream_rq_500'), counted('upstream_rq_500')),
           (1, 1, 1, 0))
    expect(counted('upstream_rq_retry_backoff_exponential'), 1)
    expect(upstream.connections, 1)
    # The last answer is shown, whatever it is.
    script.expect('/', status(500), status(503), status(500))
    response = client.request('/')
    expect((response.status, response.body, response.headers['x-envoy-attempt-count']), (503, b'from above 503', '2'))
    expect((counted('upstream_rq_retry_limit_exceeded'), counted('upstream_rq_503'), counted('upstream_rq_retry_success')), (1, 1, 1))
    script.expect('/')
    # Only what the condition says.
    script.expect('/gateway', status(500))
    expect(client.request('/gateway').status, 500)
    script.expect('/gateway', status(502), status(504))
    expect((client.request('/gateway').status, len(attempts('/gateway'))), (200, 4))
    script.expect('/codes', status(404))
    expect(client.request('/codes').status, 200)
    script.expect('/never', status(500))
    expect(client.request('/never').status, 500)
    # No answer at all: the connection ends, or there is none.
    script.expect('/plain', reset, close)
    response = client.request('/plain', 'POST', body=b'x' * 100_000)
    expect(response.status, 503, 'one retry')
    script.expect('/plain', reset)
    response = client.request('/plain', 'POST', body=b'x' * 100_000)
    expect((response.status, response.body), (200, b'x' * 100_000))
    response = client.request('/connect')
    expect((response.status, response.headers['x-envoy-attempt-count']), (503, '3'))
    expect_in(b'retried and the latest reset reason: remote connection failure', response.body)
    expect((counted('upstream_rq_retry', 'none'), counted('upstream_rq_retry_limit_exceeded', 'none')), (2, 1))
    # Each attempt has its time, all together have the route's.
    script.expect('/slow', silent, silent)
    expect((client.request('/slow').status, counted('upstream_rq_per_try_timeout')), (200, 2))
    expect([request.headers['x-envoy-expected-rq-timeout-ms'] for request in attempts('/slow')], ['200'] * 3)
    script.expect('/short', silent, silent)
    response = client.request('/short')
    expect((response.status, response.body, counted('upstream_rq_per_try_timeout')), (504, b'upstream request timeout', 4))
    script.expect('/waits', *[status(500)] * 100)
    expect(client.request('/waits').status, 504)
    # A body that is larger than what may be kept ends the retries.
    script.expect('/plain', reset)
    expect(client.request('/plain', 'POST', body=b'x' * 3_000_000).status, 503)
    expect(counted('retry_or_shadow_abandoned'), 1)
wait_for('all lines', lambda: len(open(log).read().splitlines()) == 13)
lines = open(log).read().splitlines()
expect(lines[1], '/ 503 URX via_upstream 2')
expect_in('/connect 503 URX,UF upstream_reset_before_response_started{remote_connection_failure|', lines[8])
expect(lines[10], '/short 504 URX,UT upstream_per_try_timeout 2')
expect(lines[11].startswith('/waits 504 UT response_timeout '), True, lines[11])

for bad, words in (({'retry_on': '5xx,always'}, "retry_policy.retry_on: 'always' is no condition that Heirloom knows"),
                   ({'retry_back_off': {'max_interval': '1s'}}, 'retry_policy.retry_back_off.base_interval: required'),
                   ({'retry_back_off': {'base_interval': '2s', 'max_interval': '1s'}},
                    'retry_policy.retry_back_off.max_interval: must be greater than or equal to the base_interval')):
    code, _, text = validate(config(cluster('up', upstream.port), routes=[route(retry_policy=bad)]))
    expect(code, 1)
    expect_in(words, text)
