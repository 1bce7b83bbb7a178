# SPDX-License-Identifier: Apache-2.0
"""Retries beyond the plain policy: another endpoint, by fields, when the upstream says, after silence."""
import threading
import time

from harness import *

AGAIN = {'retry_on': '5xx', 'retry_back_off': {'base_interval': '0.001s'}}
PREVIOUS = {'retry_host_predicate': [{'name': 'envoy.retry_host_predicates.previous_hosts', 'typed_config': {
    '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate'}}],
    'host_selection_retry_max_attempts': 20}
left, lock = {}, threading.Lock()


def by_script(request, connection):
    with lock:
        steps = left.get(request.path)
        step = steps.pop(0) if steps else answer()
    step(request, connection)


def stalls(request, connection):
    connection.send(b'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhel')
    silent(request, connection)


upstream = Upstream(by_script)
bad, good = Upstream(answer(b'', 503)), Upstream(answer(b'good'))


def policy(**fields):
    return {'retry_policy': {**AGAIN, **fields}}


routes = [
    route('/two', 'two', **policy(**PREVIOUS)),
    route('/fields', **policy(retry_on='retriable-headers', retriable_headers=[{'name': 'x-again'}],
                              retriable_request_headers=[{'name': ':method', 'string_match': {'exact': 'GET'}}])),
    route('/limited', **policy(rate_limited_retry_back_off={'reset_headers': [{'name': 'Retry-After'}]})),
    route('/idle', **policy(per_try_idle_timeout='0.2s')), route('/long-again', 'brief', **policy()), route('/long', 'brief'),
    route('/tight', 'tight', **policy())]
two = cluster('two', bad.port, good.port, lb_policy='RANDOM')
brief = cluster('brief', upstream.port, **speaks('http1', common={'max_stream_duration': '0.2s'}))
tight = cluster('tight', upstream.port, circuit_breakers={'thresholds': [{'retry_budget': {'budget_percent': {'value': 50}, 'min_retry_concurrency': 0}}]})
log = f'{TMP}/access'
proxy = Proxy(config(cluster('up', upstream.port), two, brief, tight, routes=routes, access_log=[access_log(
    log, '%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')]), '--concurrency', '1', '--file-flush-interval-msec', '50')


def counted(name, cluster='up'):
    return proxy.stat(f'cluster.{cluster}.{name}')


with Client(proxy.port) as client:
    # The second attempt goes to the other endpoint, always.
    for _ in range(30):
        expect(client.request('/two').body, b'good')
    expect(len(bad.requests) > 3, True)
    # By fields of the answer, and of the request.
    for method, seen in (('GET', None), ('POST', 'y')):
        left['/fields'] = [answer(b'', 200, [('x-again', 'y')])]
        expect(client.request('/fields', method).headers.get('x-again'), seen)
    # When the upstream says.
    left['/limited'] = [answer(b'', 503, [('retry-after', '1')])]
    begin = time.monotonic()
    expect(client.request('/limited').status, 200)
    expect(time.monotonic() - begin >= 0.95, True)
    expect((counted('upstream_rq_retry_backoff_ratelimited'), counted('upstream_rq_retry_backoff_exponential')), (1, 1))
    # An attempt that is silent for too long, before its answer and within it.
    left['/idle'] = [silent]
    expect((client.request('/idle').status, counted('upstream_rq_per_try_idle_timeout')), (200, 1))
    left['/idle'] = [silent, silent]
    expect((client.request('/idle').status, counted('upstream_rq_per_try_idle_timeout')), (504, 3))
    # A budget of half of the requests that are there: none for one, one for two.
    left['/tight'] = [answer(b'', 503)]
    expect((client.request('/tight').status, counted('upstream_rq_retry_overflow', 'tight')), (503, 1))
    gate = threading.Event()
    left['/tight'] = [answer(b'held', gate=gate)] * 2 + [answer(b'', 503)]
    with Client(proxy.port) as other, Client(proxy.port) as third:
        for one in (other, third):
            one.send(b'GET /tight HTTP/1.1\r\nhost: a\r\n\r\n')
        wait_for('two requests that are held', lambda: len(left['/tight']) == 1)
        expect((client.request('/tight').status, counted('upstream_rq_retry', 'tight')), (200, 1))
        gate.set()
    # Each attempt has at most the cluster's max_stream_duration.
    left['/long-again'] = [silent]
    expect(client.request('/long-again').status, 200)
    left['/long'] = [silent]
    response = client.request('/long')
    expect((response.status, response.body), (504, b'upstream max stream duration reached'))
    expect(counted('upstream_rq_max_duration_reached', 'brief'), 2)
for path in ('/idle', '/long'):
    left[path] = [stalls]
    with Client(proxy.port) as client:
        client.send(f'GET {path} HTTP/1.1\r\nhost: a\r\n\r\n')
        expect_in(b'200 OK', client.rest()[1])


def lines():
    return [line for line in open(log).read().splitlines() if not line.startswith('/tight')]


wait_for('all lines', lambda: len(lines()) == 39)
expect(lines()[34], '/idle 504 URX,UT upstream_per_try_idle_timeout')
expect(lines()[36], '/long 504 UMSDR upstream_max_stream_duration_reached')
expect(lines()[37:], ['/idle 200 UT upstream_per_try_idle_timeout', '/long 200 UMSDR upstream_max_stream_duration_reached'])
