# SPDX-License-Identifier: Apache-2.0
"""A tunnel is one line, at its end; what only HTTP has is `-`, as in Envoy."""
from harness import *

upstream = RawUpstream(capitals())
default, own = f'{TMP}/default.log', f'{TMP}/own.log'
text = ('%PROTOCOL% %UPSTREAM_PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_HOST% '
        '%UPSTREAM_CLUSTER% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_PORT% %UPSTREAM_REQUEST_ATTEMPT_COUNT% '
        '%UPSTREAM_LOCAL_ADDRESS%\n')
proxy = Proxy(tcp_config(cluster('up', upstream.port), access_log=[access_log(default), access_log(own, text)]),
              '--file-flush-interval-msec', '50')
with Client(proxy.port) as client:
    client.send(b'hello')
    expect(client.take(5), b'HELLO')
    local = client.socket.getsockname()[1]
    expect(open(own).read(), '', 'nothing before the end')
wait_for('the line', lambda: open(own).read())
words = open(own).read().split()
expect(words[:11], ['-', '-', '0', '-', '5', '5', f'127.0.0.1:{upstream.port}', 'up', f'127.0.0.1:{local}', str(proxy.port), '1'])
expect_true(words[11].startswith('127.0.0.1:'), words)
line = open(default).read()
expect_in('"- - -" 0 - 5 5 ', line)
expect_in(f' - "-" "-" "-" "-" "127.0.0.1:{upstream.port}"\n', line)
