# SPDX-License-Identifier: Apache-2.0
"""After many reloads, good and failed ones, the supervisor holds no more descriptors than before and no child is left."""
import os

from harness import *

good = config(routes=[direct('/', 200, 'ok')])
supervisor = Supervisor(good, '--drain-time-s', '1')

def state():
    children = open(f'/proc/{supervisor.pid}/task/{supervisor.pid}/children').read().split()
    return len(os.listdir(f'/proc/{supervisor.pid}/fd')), len(children)

supervisor.reload()
wait_for('one generation', lambda: len(supervisor.generations()) == 1)
before = state()
for number in range(8):
    if number % 2:
        write_config('nonsense: true\n', supervisor.config_path)
        supervisor.failed_reload()
    else:
        write_config(good, supervisor.config_path)
        supervisor.reload()
wait_for('one generation', lambda: len(supervisor.generations()) == 1)
# Whoever asked for the status last may have been counted before.
wait_for(f'no more descriptors and children than before ({before})', lambda: all(now <= then for now, then in zip(state(), before)))
