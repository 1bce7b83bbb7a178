# SPDX-License-Identifier: Apache-2.0
"""Generations that crash, exit or hang before they are ready: the reload fails with the reason, the old one serves on."""
import os
import stat

from harness import *

path, admin, script = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/admin', f'{TMP}/generation'

def next_generation(line):
    with open(script + '.new', 'w') as file:
        file.write(f'#!/bin/sh\n{line}\nexec {binary("heirloom-proxy")} -c {path} --admin-address-path {admin} --drain-time-s 1\n')
    os.chmod(script + '.new', stat.S_IRWXU)
    os.rename(script + '.new', script)

next_generation('')
supervisor = Supervisor('', command=[script], flags=['--initialize-timeout-s', '2'])
supervisor.admin_address_path = admin
port, pid = supervisor.port, supervisor.live()['pid']
for line, reason in (('echo last words >&2; exit 3', 'status 3'), ('echo last words >&2; exit 3', 'last words'),
                     ('exit 0', 'status 0'), ('kill -SEGV $$', 'signal 11'), ('kill -KILL $$', 'signal 9'),
                     ('exec sleep 60', 'not ready after 2 s'), ('kill -STOP $$', 'not ready after 2 s')):
    next_generation(line)
    text = supervisor.failed_reload()
    expect_in(reason, text, line)
    expect((supervisor.live()['pid'], get(port).body), (pid, b'ok'), line)
next_generation('')
supervisor.reload()
expect(get(port).body, b'ok')
wait_for('the failed ones are gone', lambda: len(supervisor.generations()) == 1, 30)
