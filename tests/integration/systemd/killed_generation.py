# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""A real systemd: SIGKILL of the live generation; the unit stays active, a new one serves, counters go on."""
from harness import *
from harness.nspawn import Machine, free_low_port

port = free_low_port()
value = bootstrap([listener(hcm(direct('/', 200, 'ok')), port=port)], [], admin_port=port + 1)

def completed():
    lines = get(port + 1, '/stats?filter=^http\\.ingress\\.downstream_rq_completed$').body.decode()
    return int(lines.split(': ')[1])

with Machine() as machine:
    machine.serve(value, BUILD)
    for _ in range(9):
        expect(get(port).body, b'ok')
    wait_for('nine requests', lambda: completed() == 9)
    before = machine.live()
    machine.kill(before['pid'], 9)
    expect(get(port).body, b'ok', 'the connect waited for the next generation')
    wait_for('the next generation', lambda: (machine.live() or before)['epoch'] > before['epoch'], 30)
    wait_for('ten requests', lambda: completed() == 10)
    expect(machine.property('ActiveState'), 'active')
    expect(machine.property('NRestarts'), '0')
    machine.must('systemctl', 'stop', 'heirloom')
    expect(machine.property('Result'), 'success')
