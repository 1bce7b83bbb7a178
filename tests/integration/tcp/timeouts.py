# SPDX-License-Identifier: Apache-2.0
"""idle_timeout ends a tunnel without a byte either way; max_downstream_connection_duration ends any."""
import time

from harness import *

upstream = RawUpstream(capitals())
log = f'{TMP}/access.log'
line = {'access_log': [access_log(log, '%RESPONSE_FLAGS% %CONNECTION_TERMINATION_DETAILS% %DURATION%\n')]}
proxy = Proxy(tcp_config(cluster('up', upstream.port), idle_timeout='0.5s', **line), '--file-flush-interval-msec', '50')
with Client(proxy.port) as client:
    for _ in range(5):
        client.send(b'x')
        expect(client.take(1), b'X')
        time.sleep(0.2)  # the thing under test is time: a second in all
    expect_true(client.is_open(), 'bytes keep it')
    expect(client.rest(), ('eof', b''))
proxy.wait_stat('tcp.tcp.idle_timeout', 1)
wait_for('the line', lambda: open(log).read().startswith('- - '))
expect_true(int(open(log).read().split()[2]) >= 1300, open(log).read())
proxy.end()

log = line['access_log'][0]['typed_config']['path'] = f'{TMP}/other.log'
proxy = Proxy(tcp_config(cluster('up', upstream.port), max_downstream_connection_duration='0.5s', **line),
              '--file-flush-interval-msec', '50')
begin = time.monotonic()
with Client(proxy.port) as client:
    client.send(b'x')
    expect(client.take(1), b'X')
    expect(client.rest(), ('eof', b''))
expect_true(time.monotonic() - begin >= 0.5, 'not before')
proxy.wait_stat('tcp.tcp.max_downstream_connection_duration', 1)
wait_for('the line', lambda: open(log).read().startswith('DT - '))
