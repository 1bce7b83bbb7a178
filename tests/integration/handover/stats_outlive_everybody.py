# SPDX-License-Identifier: Apache-2.0
"""heirloomctl stats reads the segment when supervisor and generations are all dead."""
import os
import signal

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]))
port, pid = supervisor.port, supervisor.live()['pid']
for _ in range(5):
    get(port)
name = 'http.ingress.downstream_rq_completed'
wait_for('five requests', lambda: supervisor.segment_stat(name) == 5)
code, out, err = supervisor.ctl('stats', name)
expect_in(f'{name}: 5', out)
expect(supervisor.ctl('stop')[0], 0)
expect(supervisor.wait(), 0)
expect(supervisor.segment_stat(name), 5)
