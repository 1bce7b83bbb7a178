# SPDX-License-Identifier: Apache-2.0
"""The connection manager has answered 504 in the upstream's place, and the client is slow to take it: no further attempt is made, and the
answer stays whole. A route's timeout that comes between two attempts is no failure of the endpoint."""
from harness import *

upstream, busy = Upstream(reset), Upstream(answer(b'', 503))
often = {'retry_on': '5xx', 'num_retries': 40, 'retry_back_off': {'base_interval': '0.02s', 'max_interval': '0.05s'}}
seldom = {'retry_on': '5xx', 'retry_back_off': {'base_interval': '600s', 'max_interval': '600s'}}
proxy = Proxy(config(cluster('up', upstream.port), cluster('busy', busy.port), common_http_protocol_options={'max_stream_duration': '0.3s'},
                     routes=[route('/busy', 'busy', timeout='0.2s', retry_policy=seldom), route('/', timeout='0s', retry_policy=often)]), '--concurrency', '1')
with Http2Client(proxy.port, settings={h2.INITIAL_WINDOW_SIZE: 0}, greedy=False) as client:
    stream = client.open('/')
    client.wait(lambda: client.exchange(stream).header_list is not None, 'the head')
    expect(client.exchange(stream).status, 504)
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
    attempts = len(upstream.requests)
    expect_true(attempts > 1, 'it was tried again')
    # Time for further ones: many exchanges of another kind.
    for _ in range(20):
        expect(get(proxy.port, '/busy').status, 504)
        if len(upstream.requests) > attempts:
            break
    expect(len(upstream.requests), attempts)
    client.update(stream, 1000)
    client.wait(lambda: client.exchange(stream).over, 'the end')
    expect((client.exchange(stream).body, client.exchange(stream).reset), (b'downstream duration timeout', None))
expect([proxy.stat(f'cluster.busy.{name}') for name in ('upstream_rq_504', 'upstream_rq_timeout', 'retry.upstream_rq_503')], [0, 0, 20])
