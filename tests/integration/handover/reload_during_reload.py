# SPDX-License-Identifier: Apache-2.0
"""Reloads asked for during a reload are coalesced into one more; all who asked get their answer."""
import os

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]))
asked = [supervisor.start_ctl('reload') for _ in range(5)]
for one in asked:
    out, err = one.communicate(timeout=120)
    expect(one.returncode, 0, out + err)
epoch = supervisor.live()['epoch']
expect_true(1 <= epoch <= 3, f'five requests made {epoch} reloads')
expect(get(supervisor.port).body, b'ok')
