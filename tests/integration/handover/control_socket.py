# SPDX-License-Identifier: Apache-2.0
"""Nonsense on the control socket is answered or closed; the supervisor lives on. Without a supervisor ctl says so."""
import socket
import subprocess

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]))
for data in (b'\n', b'{}\n', b'{"command": 7}\n', b'[' * 100_000 + b'\n', b'\xff\x00' * 1000, b'x' * 1_000_000, b'{"command": "status"'):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(f'{supervisor.run_dir}/control.sock')
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        except OSError:
            pass
expect(supervisor.live()['state'], 'live')
expect(get(supervisor.port).body, b'ok')
done = subprocess.run([binary('heirloomctl'), '--run-dir', f'{TMP}/nowhere', 'status'], capture_output=True, text=True, timeout=60)
expect_true(done.returncode != 0 and 'nowhere' in done.stderr, f'{done}')
