# SPDX-License-Identifier: Apache-2.0
"""A silent upstream: 504 and UT after the route's timeout; the upstream connection is not used again."""
import time

from harness import *

log = f'{TMP}/access'
upstream = Upstream(silent)
proxy = Proxy(config(cluster('up', upstream.port), routes=[route(timeout='0.3s')],
                     access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')]), '--file-flush-interval-msec', '50')
for _ in range(2):
    start = time.monotonic()
    response = get(proxy.port)
    expect((response.status, response.body), (504, b'upstream request timeout'))
    expect_true(0.25 < time.monotonic() - start < 5, 'after the timeout')
wait_for('flags in the log', lambda: open(log).read() == '504 UT response_timeout\n' * 2)
expect(upstream.connections, 2)
expect(proxy.stat('cluster.up.upstream_rq_timeout'), 2)
