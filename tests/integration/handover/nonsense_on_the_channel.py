# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""A generation that dies, hangs or breaks the protocol at each step before live: named, dropped; the old one serves on."""
import os
import stat

from harness import *

path, admin, script = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/admin', f'{TMP}/generation'

def next_generation(command):
    with open(script + '.new', 'w') as file:
        file.write(f'#!/bin/sh\nexec {command}\n')
    os.chmod(script + '.new', stat.S_IRWXU)
    os.rename(script + '.new', script)

real = f'{binary("heirloom-proxy")} -c {path} --admin-address-path {admin} --drain-time-s 1'
next_generation(real)
supervisor = Supervisor('', command=[script], flags=['--initialize-timeout-s', '2', '--terminate-grace-s', '1'])
supervisor.admin_address_path = admin
port, pid = supervisor.port, supervisor.live()['pid']
reasons = {'crash': 'signal 11', 'kill': 'signal 9', 'exit=7': 'status 7', 'fail=boom': 'boom', 'words=farewell': 'farewell',
           'nonsense': '', 'wrong': '', 'close': '', 'hang': ''}
with Client(port) as client:
    for step in ('start', 'hello', 'welcome', 'sockets'):
        for action, reason in reasons.items():
            next_generation(f'{BUILD}/tests/fake_generation --socket tcp:127.0.0.1:0 {step} {action}')
            text = supervisor.failed_reload()
            expect_in(reason, text, f'{step} {action}')
            expect((supervisor.live()['pid'], client.request('/').body, get(port).body), (pid, b'ok', b'ok'), f'{step} {action}')
next_generation(real)
supervisor.reload()
expect(get(port).body, b'ok')
