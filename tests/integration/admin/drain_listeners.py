# SPDX-License-Identifier: Apache-2.0
"""POST /drain_listeners: new connects are refused at once, the process and its admin stay."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200, 'ok')]))
port = proxy.port
with Client(port) as client:
    expect(client.request('/').status, 200)
    expect(proxy.admin('/drain_listeners', 'POST').body, b'OK\n')
    def refused():
        try:
            Client(port).close()
        except ConnectionRefusedError:
            return True
    wait_for('connects are refused', refused)
    expect(client.request('/').status, 200)
expect(proxy.admin('/ready').status, 200)
