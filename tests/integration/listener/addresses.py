# SPDX-License-Identifier: Apache-2.0
"""Listeners on IPv4, IPv6, both by ipv4_compat, a unix socket and an abstract one."""
import os
import stat

from harness import *

manager = hcm(direct('/', 200, 'here'))
path = f'{TMP}/in.sock'
proxy = Proxy(bootstrap([listener(manager, 'four'), listener(manager, 'six', '::1'), listener(manager, 'both', '::', ipv4_compat=True),
                         listener(manager, 'path', pipe=path), listener(manager, 'abstract', pipe=f'@heirloom-{os.getpid()}')], []))
ports = proxy.listener_ports()
for address in (ports['four'], ('::1', ports['six']), ('::1', ports['both']), ('127.0.0.1', ports['both']), path, f'@heirloom-{os.getpid()}'):
    expect(get(address).body, b'here', str(address))
expect_true(stat.S_ISSOCK(os.stat(path).st_mode), path)
