# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of a generation that is not yet live, under load: the reload fails with a reason, and nothing is lost."""
import os
import signal

from harness import *

upstream = FastUpstream()
supervisor = Supervisor(config(cluster('up', upstream.port)))
load = Load(supervisor.port, busy=2, fresh=1, sleepy=5)
load.wait_requests()
killed = 0
for attempt in range(6):
    reload = supervisor.start_ctl('reload')
    def young():
        if reload.poll() is not None:
            return 'done'
        return next((one['pid'] for one in supervisor.generations() if one['state'] in ('spawned', 'initializing') and one['pid'] > 0), None)
    pid = wait_for('a young generation', young, 30)
    if pid != 'done':
        # Held still while its state is read again: one that has become live meanwhile is spared.
        os.kill(pid, signal.SIGSTOP)
        state = next((one['state'] for one in supervisor.generations() if one['pid'] == pid), 'gone')
        os.kill(pid, signal.SIGCONT if state in ('ready', 'live', 'draining') else signal.SIGKILL)
    out, err = reload.communicate(timeout=60)
    if reload.returncode != 0:
        killed += 1
        expect_in('signal 9', out + err)
print(f'{killed} of 6 reloads were killed')
load.wait_requests()
counts = load.stop_without_loss()
wait_for('one generation is left', lambda: len(supervisor.generations()) == 1, 40)
expect(supervisor.segment_stat('http.ingress.downstream_rq_completed'), counts['requests'])
