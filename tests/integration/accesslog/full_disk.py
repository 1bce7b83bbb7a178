# SPDX-License-Identifier: Apache-2.0
"""A full disk drops log lines and counts them; requests go on; logging goes on when there is room again."""
import os
import subprocess

from harness import *

needs_root('mounts a tiny tmpfs')
disk = f'{TMP}/disk'
os.mkdir(disk)
if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).returncode:
    skip('cannot mount a tmpfs')
try:
    with open(f'{disk}/ballast', 'wb') as ballast:
        ballast.write(b'x' * 48 * 1024)
    proxy = Proxy(config(routes=[direct('/', 200)], access_log=[access_log(f'{disk}/access', '%REQ(:PATH)% ' + 'y' * 100 + '\n')]),
                  '--file-flush-interval-msec', '20')
    with Client(proxy.port) as client:
        for number in range(1000):
            expect(client.request(f'/{number}').status, 200)
        proxy.wait_stat('filesystem.write_failed', lambda value: value > 0)
        os.unlink(f'{disk}/ballast')
        os.truncate(f'{disk}/access', 0)
        client.request('/after')
        wait_for('the log goes on', lambda: '/after ' in open(f'{disk}/access').read())
    expect_true(proxy.log.count('No space left') <= 3, 'one warning, not one for each line')
    proxy.end()
finally:
    subprocess.run(['umount', '-l', disk])
