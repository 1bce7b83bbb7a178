# SPDX-License-Identifier: Apache-2.0
"""An endpoint whose answers fail in a row is ejected for a time that ends, over HTTP/1 and HTTP/2, for responses, resets,
refused connections and timeouts; a response may also ask for its endpoint to be taken out."""
import collections

from harness import *

OUTLIER = {'consecutive_5xx': 3, 'interval': '0.1s', 'base_ejection_time': '1s', 'max_ejection_percent': 50}


def shares(client, count=10):
    return collections.Counter(client.request().body for _ in range(count))


def ejections(name):
    return proxy.stat(f'cluster.up.outlier_detection.ejections_{name}')


good = Upstream(answer(b'good'))
for kind, bad in {'503': answer(b'bad', 503), 'reset': reset, 'timeout': silent}.items():
    for protocol in (Client, Http2Client):
        failing = Upstream(bad)
        proxy = Proxy(config(cluster('up', good.port, failing.port, outlier_detection=OUTLIER), routes=[route(timeout='0.2s')]),
                      '--concurrency', '1')
        with protocol(proxy.port) as client:
            shares(client, 6)  # three to each
            proxy.wait_stat('cluster.up.outlier_detection.ejections_enforced_consecutive_5xx', 1)
            wait_for('it gets no requests and is shown as ejected', lambda: shares(client) == {b'good': 10} and
                     b'::health_flags::/failed_outlier_check\n' in proxy.admin('/clusters').body)
            failing.respond = answer(b'well')
            wait_for('it is back', lambda: set(shares(client)) == {b'good', b'well'})
        expect(ejections('active'), 0)
        expect(proxy.stat('cluster.up.membership_healthy'), 2)
        proxy.end()

# Refused connections count on their own where that is configured.
split = {**OUTLIER, 'split_external_local_origin_errors': True, 'consecutive_local_origin_failure': 2, 'base_ejection_time': '60s'}
gone = Upstream()
gone.close()
proxy = Proxy(config(cluster('up', good.port, gone.port, outlier_detection=split)), '--concurrency', '1')
with Client(proxy.port) as client:
    shares(client, 4)
    proxy.wait_stat('cluster.up.outlier_detection.ejections_enforced_consecutive_local_origin_failure', 1)
    wait_for('it is ejected', lambda: shares(client) == {b'good': 10})
expect(ejections('detected_consecutive_5xx'), 0)

# TCP: what can be connected to is well.
tcp = {**OUTLIER, 'consecutive_5xx': 2, 'base_ejection_time': '60s'}
proxy = Proxy(tcp_config(cluster('up', good.port, gone.port, outlier_detection=tcp)), '--concurrency', '1')


def is_answered():
    with Client(proxy.port) as client:
        client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
        try:
            return client.socket.recv(1) != b''
        except ConnectionResetError:
            return False


for _ in range(4):
    is_answered()
proxy.wait_stat('cluster.up.outlier_detection.ejections_enforced_consecutive_5xx', 1)
wait_for('it is ejected', lambda: all(is_answered() for _ in range(4)))

# The endpoint itself wants to be left alone; its checks are the only way back.
leaving = Upstream(lambda request, connection: answer(b'leaving', headers=[] if request.path == '/hc' else [
    ('x-envoy-immediate-health-check-fail', '1')])(request, connection))
check = {'timeout': '5s', 'interval': '300s', 'no_traffic_interval': '300s', 'unhealthy_threshold': 1, 'healthy_threshold': 1,
         'http_health_check': {'path': '/hc'}}
proxy = Proxy(config(cluster('up', good.port, leaving.port, health_checks=[check])), '--concurrency', '1')
with Client(proxy.port) as client:
    expect(shares(client, 2), {b'good': 1, b'leaving': 1})
    proxy.wait_stat('cluster.up.health_check.passive_failure', 1)
    wait_for('it is left alone', lambda: shares(client) == {b'good': 10})
expect(proxy.stat('cluster.up.membership_excluded'), 1)
