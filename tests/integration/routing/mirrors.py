# SPDX-License-Identifier: Apache-2.0
"""request_mirror_policies: another cluster gets a copy of each request, body and all, and nobody waits for it."""
import socket
import threading

from harness import *

upstream = Upstream(echo)
copies = Upstream(answer(b'thrown away', 500))
held = threading.Event()


def take_nothing(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    held.wait(30)


stuck = Upstream(on_connect=take_nothing)


def to(*clusters, **fields):
    return {'request_mirror_policies': [{'cluster': name, **fields} for name in clusters]}


half = {'runtime_fraction': {'default_value': {'numerator': 50}, 'runtime_key': 'mirrored'}}
routes = [route('/half', **to('copies', **half)), route('/same', **to('copies', disable_shadow_host_suffix_append=True)),
          route('/stuck', **to('stuck')), route('/')]
host = {**virtual_host('all', ['*'], *routes), **to('copies')}
whole = config(cluster('up', upstream.port), cluster('copies', copies.port, **speaks('http1')), cluster('stuck', stuck.port), virtual_hosts=[host])
whole['layered_runtime'] = {'layers': [{'name': 'admin', 'admin_layer': {}}]}
proxy = Proxy(whole, '--concurrency', '1')


def copied(path):
    return [request for request in copies.requests if request.path == path]


with Client(proxy.port) as client:
    response = client.request('/a', 'POST', body=b'x' * 300_000, headers={'x-mine': 'v'}, host='a.example:80')
    expect((response.status, response.body), (200, b'x' * 300_000))
    wait_for('the copy', lambda: copied('/a'))
    copy = copied('/a')[0]
    expect((copy.method, copy.body, copy.headers['host'], copy.headers['x-mine']), ('POST', b'x' * 300_000, 'a.example-shadow:80', 'v'))
    client.request('/same', host='a.example')
    wait_for('the copy', lambda: copied('/same'))
    expect(copied('/same')[0].headers['host'], 'a.example')
    for _ in range(100):
        expect(client.request('/half').status, 200)
    proxy.wait_stat('cluster.copies.upstream_rq_active', 0)
    expect(20 < len(copied('/half')) < 80, True, len(copied('/half')))
    expect(proxy.stat('cluster.copies.upstream_rq_500'), 2 + len(copied('/half')))
    expect(proxy.stat('cluster.copies.internal.upstream_rq_500'), 2 + len(copied('/half')))
    expect(proxy.stat('cluster.up.upstream_rq_200'), 102)
    # The runtime decides in place of the default.
    before = len(copied('/half'))
    for percent, more in (('0', 0), ('100', 10)):
        proxy.admin(f'/runtime_modify?mirrored={percent}', 'POST')
        for _ in range(10):
            client.request('/half')
        proxy.wait_stat('cluster.copies.upstream_rq_active', 0)
        expect(len(copied('/half')), before + more)
    # The copy of a big body that nobody takes is given up; the request is not held up by it.
    response = client.request('/stuck', 'POST', body=b'x' * 10_000_000)
    expect((response.status, len(response.body)), (200, 10_000_000))
    expect(proxy.stat('cluster.up.retry_or_shadow_abandoned'), 1)
    proxy.wait_stat('cluster.stuck.upstream_rq_active', 0)
held.set()
# Over HTTP/2, and to an endpoint that is not there.
copies.close()
with Http2Client(proxy.port) as client:
    expect(client.request('/').status, 200)
proxy.wait_stat('cluster.copies.upstream_cx_connect_fail', 1)
for bad, words in ((to('nobody'), "request_mirror_policies[0].cluster: route: unknown shadow cluster 'nobody'"),
                   (to('up', trace_sampled=True), 'trace_sampled')):
    code, _, text = validate(config(cluster('up', upstream.port), routes=[route(**bad)]))
    expect(code, 1)
    expect_in(words, text)
proxy.end()

# A copy comes after the request: it does not take the last place of the cluster that both go to.
one_place = {'circuit_breakers': {'thresholds': [{'max_requests': 1}]}}
proxy = Proxy(config(cluster('up', upstream.port, **one_place), routes=[route('/', **to('up'))]), '--concurrency', '1')
with Client(proxy.port) as client:
    expect([client.request('/').status for _ in range(3)], [200] * 3)
expect(proxy.stat('cluster.up.upstream_rq_active_overflow'), 3)
proxy.end()

# A body beyond the listener's limit is copied whole, also while the connection of the copy is still being made.
copies = Upstream(answer(b''))
small = config(cluster('up', upstream.port), cluster('copies', copies.port), routes=[route('/', **to('copies'))])
small['static_resources']['listeners'][0]['per_connection_buffer_limit_bytes'] = 32768
proxy = Proxy(small, '--concurrency', '1')
for number in range(1, 6):
    with Client(proxy.port) as client:
        expect(client.request('/', 'POST', body=b'x' * 300_000).status, 200)
    wait_for('the copy', lambda: [len(request.body) for request in copies.requests] == [300_000] * number)
    copies.close_connections()
    proxy.wait_stat('cluster.copies.upstream_cx_active', 0)
expect(proxy.stat('cluster.up.retry_or_shadow_abandoned'), 0)
proxy.end()

# A generation that drains stays until the last copy is answered.
gate = threading.Event()
working = Upstream(answer(b'', gate=gate))
supervisor = Supervisor(config(cluster('up', upstream.port), cluster('copies', working.port), routes=[route('/', **to('copies'))]),
                        '--concurrency', '1')
expect(get(supervisor.port).status, 200)
wait_for('the copy', lambda: working.requests)
supervisor.reload()
expect(get(supervisor.port).status, 200)
wait_for('the copy of the new generation', lambda: len(working.requests) == 2)
expect(len(supervisor.generations()), 2)
gate.set()
wait_for('the end of the old generation', lambda: len(supervisor.generations()) == 1)
