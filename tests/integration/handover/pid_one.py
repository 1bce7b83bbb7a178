# SPDX-License-Identifier: Apache-2.0
"""As pid 1 of a container heirloomd reaps orphans and stops in order."""
import os
import signal
import subprocess

from harness import *

needs_root('makes a pid namespace')
path, run = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/run'
os.mkdir(run)
if subprocess.run(['unshare', '--pid', '--fork', '--mount-proc', 'true'], capture_output=True).returncode:
    skip('cannot make a pid namespace')
script = f'{TMP}/generation'
with open(script, 'w') as file:  # leaves an orphan that ends soon
    file.write(f'#!/bin/sh\n(sh -c "exit 0" &)\nexec {binary("heirloom-proxy")} -c {path} --admin-address-path {TMP}/admin\n')
os.chmod(script, 0o700)
outer = Program(['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', binary('heirloomd'), '--run-dir', run, '--', script])
wait_for('live', lambda: os.path.exists(f'{TMP}/admin') and 'live' in subprocess.run(
    [binary('heirloomctl'), '--run-dir', run, 'status'], capture_output=True, text=True).stdout)
inner = int(open(f'/proc/{outer.pid}/task/{outer.pid}/children').read().split()[0])
def zombies():
    children = open(f'/proc/{inner}/task/{inner}/children').read().split()
    return [pid for pid in children if ') Z ' in open(f'/proc/{pid}/stat').read()]
wait_for('orphans are reaped', lambda: zombies() == [] or None if zombies() else True)
expect(subprocess.run([binary('heirloomctl'), '--run-dir', run, 'reload'], capture_output=True).returncode, 0)
os.kill(inner, signal.SIGTERM)
expect(outer.wait(30), 0)
