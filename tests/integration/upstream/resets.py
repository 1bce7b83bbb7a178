# SPDX-License-Identifier: Apache-2.0
"""An upstream that resets or closes before it answers: 503 UC; each client gets a whole answer and keeps its connection."""
from harness import *

log = f'{TMP}/access'
for behaviour in (reset, close):
    upstream = Upstream(behaviour)
    proxy = Proxy(config(cluster('up', upstream.port), access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')]),
                  '--file-flush-interval-msec', '50')
    with Client(proxy.port) as client:
        for _ in range(3):
            response = client.request('/')
            expect(response.status, 503)
            expect_in(b'reset reason: connection termination', response.body)
wait_for('flags in the log', lambda: open(log).read() == '503 UC\n' * 6)
