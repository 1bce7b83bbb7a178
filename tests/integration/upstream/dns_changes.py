# SPDX-License-Identifier: Apache-2.0
"""Answers of DNS that change: at the start, under a drain, and for a LOGICAL_DNS cluster, whose connections stay."""
import signal
import threading

from harness import *
from harness.name_server import NameServer, own_network

own_network()


def end(proxy):
    proxy.signal(signal.SIGTERM)
    proxy.wait()


names = NameServer()
one = Upstream(answer(b'1'), host='127.0.0.1')
two, three = Upstream(answer(b'2'), host='127.0.0.2', port=one.port), Upstream(answer(b'3'), host='127.0.0.3', port=one.port)
fast = {'dns_lookup_family': 'V4_ONLY', 'dns_refresh_rate': '0.02s'}
check = {'timeout': '2s', 'interval': '60s', 'no_traffic_interval': '60s', 'unhealthy_threshold': 1, 'healthy_threshold': 1,
         'http_health_check': {'path': '/hc'}}

# Another address with each answer: the start waits for no check of an endpoint that has left.
names.answers['turns.test'] = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.3']]
turning = cluster('up', ('turns.test', one.port), **{**fast, 'type': 'STRICT_DNS', 'health_checks': [check]})
for _ in range(3):
    proxy = Proxy(config(turning), '--concurrency', '2')
    expect_in(get(proxy.port).body, (b'1', b'2', b'3', b'no healthy upstream'))
    wait_for('changes', lambda: proxy.stat('cluster.up.membership_change') > 5)
    expect(proxy.stat('cluster.up.membership_total'), 1)
    end(proxy)

# One endpoint, which moves; who is connected stays where it is.
names.answers['moves.test'] = [['127.0.0.1', '127.0.0.2']]
log = f'{TMP}/access'
proxy = Proxy(config(cluster('up', ('moves.test', one.port), **{**fast, 'type': 'LOGICAL_DNS', 'health_checks': [check]}),
                     access_log=[access_log(log, '%REQ(:PATH)% %UPSTREAM_HOST%\n')]), '--concurrency', '1', '--file-flush-interval-msec', '50')
expect(get(proxy.port, '/a').body, b'1')
before = proxy.stat('cluster.up.membership_change')
names.answers['moves.test'] = [['127.0.0.2', '127.0.0.1']]
wait_for('the move', lambda: f'up::127.0.0.2:{one.port}::' in proxy.admin('/clusters').body.decode())
expect(get(proxy.port, '/b').body, b'1', 'the connection that is there')
one.close_connections()
wait_for('a connection to the other address', lambda: get(proxy.port, '/c').body == b'2')
expect((proxy.stat('cluster.up.membership_change'), proxy.stat('cluster.up.membership_healthy')), (before, 1))
wait_for('the log', lambda: '/c 127.0.0.2' in open(log).read())
expect_in(f'/b 127.0.0.1:{one.port}\n', open(log).read())
end(proxy)

# A TCP tunnel outlives the address that it goes to.
def back(connection):
    while piece := connection.socket.recv(1000):
        connection.socket.sendall(piece)


here = Upstream(host='127.0.0.1', on_connect=back)
names.answers['tunnel.test'] = [['127.0.0.1']]
log = f'{TMP}/tunnels'
tunnelled = cluster('up', ('tunnel.test', here.port), **{**fast, 'type': 'LOGICAL_DNS'})
proxy = Proxy(tcp_config(tunnelled, access_log=[access_log(log, '%UPSTREAM_HOST%\n')]), '--concurrency', '1',
              '--file-flush-interval-msec', '50')
with Client(proxy.port) as client:
    client.send(b'hello')
    client.take(5)
    for host in ('127.0.0.2', '127.0.0.3'):
        names.answers['tunnel.test'] = [[host]]
        wait_for('the move', lambda: f'up::{host}:{here.port}::' in proxy.admin('/clusters').body.decode())
wait_for('the log', lambda: open(log).read() == f'127.0.0.1:{here.port}\n')
end(proxy)

# A drain: what runs goes on at the address that has gone, what comes goes to the new one.
gate = threading.Event()
slow = Upstream(lambda request, connection: answer(b'slow', gate=gate if request.path == '/slow' else None)(request, connection))
other = Upstream(answer(b'new'), host='127.0.0.2', port=slow.port)
names.answers['changes.test'] = [['127.0.0.1']]
supervisor = Supervisor(config(cluster('up', ('changes.test', slow.port), **{**fast, 'type': 'STRICT_DNS'})))
with Client(supervisor.port) as client:
    client.send('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n')
    wait_for('the request', lambda: slow.requests)
    supervisor.reload()
    names.answers['changes.test'] = [['127.0.0.2']]
    wait_for('the new address', lambda: get(supervisor.port).body == b'new')
    seen = names.asked['changes.test']
    wait_for('both generations ask', lambda: names.asked['changes.test'] > seen + 6)
    gate.set()
    response = client.response()
    expect((response.status, response.body), (200, b'slow'))
wait_for('the end of the old generation', lambda: len(supervisor.generations()) == 1)
