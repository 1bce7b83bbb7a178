# SPDX-License-Identifier: Apache-2.0
"""An endpoint that its health check finds failed gets no request until the check finds it well again; a start waits for the
first round."""
import collections

from harness import *

FAST = {'timeout': '2s', 'interval': '0.05s', 'no_traffic_interval': '0.05s', 'unhealthy_threshold': 2, 'healthy_threshold': 2}


class Checked(Upstream):
    def __init__(self, name):
        self.status = 200
        super().__init__(self.treat)
        self.name = name

    def treat(self, request, connection):
        answer(self.name, self.status if request.path == '/hc' else 200)(request, connection)


def shares():
    with Client(proxy.port) as client:
        return collections.Counter(client.request('/').body for _ in range(10))


first, second = Checked(b'1'), Checked(b'2')
second.status = 500
up = cluster('up', first.port, second.port, common_lb_config={'healthy_panic_threshold': {'value': 0}},
             health_checks=[{**FAST, 'http_health_check': {'path': '/hc', 'host': 'checked.example', 'method': 'HEAD'}}])
tcp = cluster('tcp', first.port, ('127.0.0.1', 1), health_checks=[{**FAST, 'tcp_health_check': {}}])
proxy = Proxy(config(up, tcp), '--concurrency', '2')
# It was ready only when it knew.
expect(shares(), {b'1': 10})
expect(proxy.stat('cluster.up.membership_healthy'), 1)
expect(proxy.stat('cluster.tcp.health_check.healthy'), 1)
expect_in(f'up::127.0.0.1:{second.port}::health_flags::/failed_active_hc\n', proxy.admin('/clusters').body.decode())
check = next(request for request in first.requests if request.path == '/hc')
expect(check.head, b'HEAD /hc HTTP/1.1\r\nhost: checked.example\r\nuser-agent: Envoy/HC\r\n\r\n')

second.status = 200
proxy.wait_stat('cluster.up.membership_healthy', 2)
wait_for('both get requests', lambda: set(shares()) == {b'1', b'2'})
first.status = 404
proxy.wait_stat('cluster.up.membership_healthy', 1)
wait_for('only the second gets requests', lambda: shares() == {b'2': 10})
second.status = 404
proxy.wait_stat('cluster.up.membership_healthy', 0)
wait_for('nobody gets requests', lambda: shares() == {b'no healthy upstream': 10})
first.status = 200
wait_for('the first gets requests again', lambda: shares() == {b'1': 10})
expect(proxy.stat('cluster.up.health_check.network_failure'), 0)
expect(proxy.stat('cluster.tcp.health_check.network_failure') > 0, True)
