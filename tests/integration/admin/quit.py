# SPDX-License-Identifier: Apache-2.0
"""/quitquitquit answers and ends the proxy with exit code 0; under a supervisor it stops the service."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200)]))
expect(proxy.admin('/quitquitquit', 'POST').body, b'OK\n')
expect(proxy.wait(), 0)
supervisor = Supervisor(config(routes=[direct('/', 200)]))
expect(supervisor.admin('/quitquitquit', 'POST').body, b'OK\n')
expect(supervisor.wait(), 0)
