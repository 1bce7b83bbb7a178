# SPDX-License-Identifier: Apache-2.0
"""What changes something wants POST: 405 otherwise."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200)]))
for path in ('/quitquitquit', '/reopen_logs', '/reset_counters', '/healthcheck/fail', '/healthcheck/ok', '/drain_listeners', '/logging'):
    response = proxy.admin(path)
    expect((response.status, response.body.strip()), (405, b'Method GET not allowed, POST required.'), path)
expect(proxy.admin('/ready').status, 200)
