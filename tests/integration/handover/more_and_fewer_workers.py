# SPDX-License-Identifier: Apache-2.0
"""The worker count changes with each reload; every connection in every shard finds a worker."""
import os

from harness import *

path, admin, script, count = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/admin', f'{TMP}/generation', f'{TMP}/count'
with open(script, 'w') as file:
    file.write(f'#!/bin/sh\nexec {binary("heirloom-proxy")} -c {path} --admin-address-path {admin} --drain-time-s 1 --concurrency $(cat {count})\n')
os.chmod(script, 0o700)
with open(count, 'w') as file:
    file.write('1')
supervisor = Supervisor('', command=[script])
supervisor.admin_address_path = admin
port = supervisor.port
for workers in (4, 1, 256, 3, 2):
    with open(count, 'w') as file:
        file.write(str(workers))
    supervisor.reload()
    expect(supervisor.stat('server.concurrency'), workers)
    for _ in range(100):
        expect(get(port).body, b'ok')
