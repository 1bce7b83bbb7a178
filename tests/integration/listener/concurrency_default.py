# SPDX-License-Identifier: Apache-2.0
"""Without --concurrency there are as many workers as the CPUs this process may use."""
import os

from harness import *

proxy = Proxy(config(routes=[direct('/', 200)]), '--concurrency', '1')
expect(proxy.stat('server.concurrency'), 1)
path = write_config(config(routes=[direct('/', 200)]))
plain = Proxy.__new__(Proxy)
plain.admin_address_path = f'{TMP}/admin-default'
Program.__init__(plain, ['taskset', '-c', str(min(os.sched_getaffinity(0))), binary('heirloom-proxy'), '-c', path, '--admin-address-path',
                         plain.admin_address_path])
plain.wait_ready()
expect(plain.stat('server.concurrency'), 1)
