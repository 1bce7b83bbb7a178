# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""A real systemd: connects made during `systemctl restart` wait in the sockets that systemd keeps; none is refused."""
from harness import *
from harness.nspawn import Machine, free_low_port

upstream, port = FastUpstream(), free_low_port()
value = bootstrap([listener(hcm(), port=port)], [cluster('up', upstream.port)], admin_port=port + 1)
with Machine() as machine:
    machine.serve(value, BUILD)
    before = machine.property('MainPID')
    load = Load(port, busy=0, fresh=2, sleepy=0)
    load.wait_requests()
    machine.must('systemctl', 'restart', 'heirloom')
    expect_true(machine.property('MainPID') != before, 'a new supervisor')
    expect(machine.live()['epoch'], 0)
    load.wait_requests()
    load.stop_without_loss()
    wait_for('the ticket keys are taken over',
             lambda: 'the session ticket keys of the last run go on' in machine.journal('heirloom'), 10)
    expect_true('do not resume' not in machine.journal('heirloom'), 'nothing of the keys was refused')
