# SPDX-License-Identifier: Apache-2.0
"""A proxy that runs alone: SIGTERM ends it with 0 at once; SIGHUP is logged and ignored."""
import signal

from harness import *

proxy = Proxy(config(routes=[direct('/', 200, 'ok')]))
proxy.signal(signal.SIGHUP)
proxy.wait_log('SIGHUP')
expect(get(proxy.port).body, b'ok')
client = Client(proxy.port)
client.request('/')
proxy.signal(signal.SIGTERM)
expect(proxy.wait(10), 0)
expect_in('exiting', proxy.log)
