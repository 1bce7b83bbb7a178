# SPDX-License-Identifier: Apache-2.0
"""Sockets given by LISTEN_FDS are adopted: what was queued in them before the start is answered."""
import os
import socket

from harness import *

given = socket.create_server(('127.0.0.1', 0), backlog=64)
port = given.getsockname()[1]
early = Client(port)
early.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
path, admin, run = write_config(bootstrap([listener(hcm(direct('/', 200, 'adopted')), port=port)], [])), f'{TMP}/admin', f'{TMP}/run'
os.mkdir(run)
shell = (f'exec 3<&{given.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec {binary("heirloomd")} --run-dir {run} -- '
         f'{binary("heirloom-proxy")} -c {path} --admin-address-path {admin}')
os.set_inheritable(given.fileno(), True)
log = open(f'{TMP}/heirloomd-adopt.log', 'wb')
import subprocess
process = subprocess.Popen(['bash', '-c', shell], close_fds=False, stdout=log, stderr=log)
expect(early.response().body, b'adopted')
early.close()
for _ in range(50):
    expect(get(port).body, b'adopted')
process.terminate()
expect(process.wait(30), 0)
