# SPDX-License-Identifier: Apache-2.0
"""Rename and SIGUSR1: every line is in the old or in the new file, once, and whole; also by /reopen_logs."""
import os
import signal

from harness import *

log = f'{TMP}/access'
proxy = Proxy(config(routes=[direct('/', 200)], access_log=[access_log(log, '%REQ(:PATH)%\n')]), '--file-flush-interval-msec', '20')
paths = []
with Client(proxy.port) as client:
    for turn in range(3):
        for number in range(100):
            paths.append(f'/{turn}/{number}')
            client.request(paths[-1])
        os.rename(log, f'{log}.{turn}')
        if turn == 1:
            proxy.admin('/reopen_logs', 'POST')
        else:
            proxy.signal(signal.SIGUSR1)
        wait_for('the new file', lambda: os.path.exists(log))
def lines():
    return [line for name in (f'{log}.0', f'{log}.1', f'{log}.2', log) for line in open(name).read().split('\n')[:-1]]
wait_for('all lines', lambda: len(lines()) >= len(paths))
expect(lines(), paths)
