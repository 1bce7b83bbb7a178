# SPDX-License-Identifier: Apache-2.0
"""No connection to an endpoint: the client sees an orderly end, and the log says why."""
from harness import *

gone = RawUpstream(capitals())
gone.close()
log = f'{TMP}/access.log'
fields = {'access_log': [access_log(log, '%RESPONSE_FLAGS% %UPSTREAM_HOST% %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n')]}


def lines():
    return open(log).read().splitlines()


def ends_in_order(proxy):
    with Client(proxy.port) as client:
        client.send(b'anybody?')
        expect(client.rest(), ('eof', b''))


proxy = Proxy(tcp_config(cluster('up', gone.port), max_connect_attempts=3, **fields), '--file-flush-interval-msec', '50')
ends_in_order(proxy)
wait_for('the line', lambda: lines() == [f'UF,URX 127.0.0.1:{gone.port} 3'])
expect(proxy.stat('cluster.up.upstream_cx_connect_fail'), 3)
expect(proxy.stat('cluster.up.upstream_cx_connect_attempts_exceeded'), 1)
proxy.end()

proxy = Proxy(tcp_config(cluster('up'), **fields), '--file-flush-interval-msec', '50')
ends_in_order(proxy)
wait_for('the line', lambda: lines()[1:] == ['UH - 0'])
proxy.end()

upstream = RawUpstream(capitals(b'ready'))
one = {'circuit_breakers': {'thresholds': [{'max_connections': 1}]}}
proxy = Proxy(tcp_config(cluster('up', upstream.port, **one), **fields), '--file-flush-interval-msec', '50')
with Client(proxy.port) as client:
    expect(client.take(5), b'ready')
    ends_in_order(proxy)
    wait_for('the line', lambda: lines()[2:] == ['UO - 0'])
    client.send(b'fine')
    expect(client.take(4), b'FINE')

# The next endpoint is tried.
proxy = Proxy(tcp_config(cluster('up', gone.port, upstream.port), max_connect_attempts=2))
for _ in range(4):
    with Client(proxy.port) as client:
        expect(client.take(5), b'ready')
expect_true(proxy.stat('cluster.up.upstream_cx_connect_fail') >= 1, 'one of two refuses')
