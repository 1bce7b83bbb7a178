# SPDX-License-Identifier: Apache-2.0
"""SIGUSR1 to the supervisor reopens the logs of every generation."""
import os
import signal

from harness import *

log = f'{TMP}/access'
supervisor = Supervisor(config(routes=[direct('/', 200)], access_log=[access_log(log, '%REQ(:PATH)%\n')]), '--file-flush-interval-msec', '20')
port = supervisor.port
get(port, '/one')
wait_for('first line', lambda: open(log).read() == '/one\n')
os.rename(log, log + '.1')
supervisor.signal(signal.SIGUSR1)
wait_for('the new file', lambda: os.path.exists(log))
get(port, '/two')
wait_for('second line', lambda: open(log).read() == '/two\n')
