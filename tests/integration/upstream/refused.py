# SPDX-License-Identifier: Apache-2.0
"""An upstream that refuses: 503 with Envoy's text and the flag UF; the proxy serves on when it is back."""
from harness import *

upstream = Upstream()
port = upstream.port
upstream.close()
log = f'{TMP}/access'
proxy = Proxy(config(cluster('up', port), access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')]), '--file-flush-interval-msec', '50')
response = get(proxy.port)
expect(response.status, 503)
expect_in(b'upstream connect error or disconnect/reset before headers. ', response.body)
expect_in(b'reset reason: remote connection failure', response.body)
wait_for('the flag in the log', lambda: open(log).read().startswith('503 UF'))
expect(proxy.stat('cluster.up.upstream_cx_connect_fail') >= 1, True)
Upstream(answer(b'back\n'), port=port)
expect(get(proxy.port).body, b'back\n')
