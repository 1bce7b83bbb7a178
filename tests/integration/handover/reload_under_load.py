# SPDX-License-Identifier: Apache-2.0
"""Reloads under busy, fresh and sleepy clients: no request is lost, and the segment counted what the clients counted."""
from harness import *

upstream = FastUpstream()
supervisor = Supervisor(config(cluster('up', upstream.port)), '--drain-time-s', '1', '--parent-shutdown-time-s', '20')
load = Load(supervisor.port, busy=4, fresh=1, sleepy=10)
load.wait_requests()
for epoch in range(1, 4):
    supervisor.reload()
    expect(supervisor.live()['epoch'], epoch)
    load.wait_requests()
counts = load.stop_without_loss()
wait_for('old generations have left', lambda: len(supervisor.generations()) == 1, 40)
expect(supervisor.segment_stat('http.ingress.downstream_rq_completed'), counts['requests'])
