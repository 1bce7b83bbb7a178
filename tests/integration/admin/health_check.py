# SPDX-License-Identifier: Apache-2.0
"""/healthcheck/fail makes /ready 503 DRAINING and closes connections politely; /healthcheck/ok takes it back."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200, 'ok')]))
expect(proxy.admin('/healthcheck/fail', 'POST').body, b'OK\n')
response = proxy.admin('/ready')
expect((response.status, response.body), (503, b'DRAINING\n'))
expect(get(proxy.port).headers.get('connection'), 'close')
expect(proxy.admin('/healthcheck/ok', 'POST').body, b'OK\n')
expect(proxy.admin('/ready').body, b'LIVE\n')
wait_for('connections are kept again', lambda: 'connection' not in get(proxy.port).headers)
