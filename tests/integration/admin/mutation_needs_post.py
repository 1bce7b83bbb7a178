# SPDX-License-Identifier: Apache-2.0
"""What changes something wants POST: 405 otherwise."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200)]))
for path in ('/quitquitquit', '/reopen_logs', '/reset_counters', '/healthcheck/fail', '/healthcheck/ok', '/drain_listeners', '/logging'):
    response = proxy.admin(path)
    expect((response.status, response.body.strip()), (405, b'Method GET not allowed, POST required.'), path)
expect(proxy.admin('/ready').status, 200)
# Nor is there anything to tunnel to.
for head in (b'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n', b'GET /ready HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'):
    with Client(proxy.admin_address) as client:
        client.send(head)
        expect(client.response().status, 403)
