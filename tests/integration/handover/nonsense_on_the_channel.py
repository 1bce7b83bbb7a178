# SPDX-License-Identifier: Apache-2.0
"""A generation that speaks nonsense on its channel: named, dropped, the reload fails, the old one serves on."""
import os
import stat

from harness import *

path, admin, script = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/admin', f'{TMP}/generation'
talk = f'{TMP}/talk.py'
with open(talk, 'w') as file:
    file.write('import os, socket, sys\n'
               'channel = socket.socket(fileno=int(os.environ["HEIRLOOM_CHANNEL"]))\n'
               'channel.setblocking(True)\n'
               'channel.send(eval(sys.argv[1]))\n'
               'import time; time.sleep(30)\n')

def next_generation(line):
    with open(script + '.new', 'w') as file:
        file.write(f'#!/bin/sh\n{line}\nexec {binary("heirloom-proxy")} -c {path} --admin-address-path {admin}\n')
    os.chmod(script + '.new', stat.S_IRWXU)
    os.rename(script + '.new', script)

next_generation('')
supervisor = Supervisor('', command=[script], flags=['--initialize-timeout-s', '20'])
supervisor.admin_address_path = admin
port, pid = supervisor.port, supervisor.live()['pid']
# not a message; a version from the future; a message that goes the other way (go_live); `ready` before `hello`.
for packet in ("b'\\xff' * 100", "b'\\x08\\x63'", "b'\\x08\\x01\\x8a\\x02\\x00'", "b'\\x08\\x01\\x6a\\x00'", "b''"):
    next_generation(f'exec python3 {talk} "{packet}"')
    text = supervisor.failed_reload()
    expect((supervisor.live()['pid'], get(port).body), (pid, b'ok'), packet)
    print(packet, text)
next_generation('')
supervisor.reload()
