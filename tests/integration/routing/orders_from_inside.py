# SPDX-License-Identifier: Apache-2.0
"""internal_address_config: an internal client may ask the router for retries and timeouts by x-envoy-* fields; others may not."""
import threading

from harness import *

steps, lock = [], threading.Lock()


def by_steps(request, connection):
    with lock:
        step = steps.pop(0) if steps else answer()
    step(request, connection)


upstream = Upstream(by_steps)
proxy = Proxy(config(cluster('up', upstream.port), routes=[
    {**route('/asks'), 'request_headers_to_add': [{'header': {'key': 'x-envoy-upstream-rq-timeout-ms', 'value': '100'}}]},
    route(retry_policy={'retry_on': '5xx', 'num_retries': 0})],
                     internal_address_config={'cidr_ranges': [{'address_prefix': '10.0.0.0', 'prefix_len': 8}]}), '--concurrency', '1')


def ask(client, sender, *behaviours, **fields):
    steps[:] = behaviours
    seen = len(upstream.requests)
    response = client.request('/', headers={'x-forwarded-for': sender, **{name.replace('_', '-'): value for name, value in fields.items()}})
    requests = upstream.requests[seen:]
    # Nothing of it goes on.
    expect([name for name in requests[-1].headers if 'retr' in name or 'rq-timeout' in name and 'expected' not in name], [])
    return response, requests


inside, outside, conflict = '10.1.2.3', '192.0.2.1', answer(b'', 409)
with Client(proxy.port) as client:
    response, requests = ask(client, inside, conflict, answer(b'', 500), x_envoy_max_retries='5', x_envoy_retry_on='retriable-4xx')
    expect((response.status, len(requests), requests[0].headers['x-envoy-internal']), (200, 3, 'true'))
    response, requests = ask(client, outside, conflict, x_envoy_max_retries='5', x_envoy_retry_on='retriable-4xx')
    expect((response.status, len(requests), 'x-envoy-internal' in requests[0].headers), (409, 1, False))
    response, _ = ask(client, inside, silent, x_envoy_upstream_rq_timeout_ms='100')
    expect((response.status, response.body), (504, b'upstream request timeout'))
    response, _ = ask(client, inside, silent, x_envoy_upstream_rq_timeout_ms='100', x_envoy_upstream_rq_timeout_alt_response='1')
    expect((response.status, response.body), (204, b''))
    response, requests = ask(client, inside, silent, x_envoy_upstream_rq_per_try_timeout_ms='100', x_envoy_max_retries='1')
    expect((response.status, [request.headers['x-envoy-expected-rq-timeout-ms'] for request in requests]), (200, ['100', '100']))
    response, requests = ask(client, inside, answer(b'', 404), x_envoy_max_retries='1', x_envoy_retry_on='retriable-status-codes',
                             x_envoy_retriable_status_codes='404')
    expect((response.status, len(requests)), (200, 2))
    # A route may ask for it, too.
    steps[:] = [silent]
    expect(client.request('/asks').status, 504)
    expect(upstream.requests[-1].headers['x-envoy-expected-rq-timeout-ms'], '100')
expect([proxy.stat(f'cluster.up.{where}.upstream_rq_completed') for where in ('internal', 'external')], [5, 2])
