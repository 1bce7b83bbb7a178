# SPDX-License-Identifier: Apache-2.0
"""The keys of session tickets: one ring for every generation, also after a crash; each rotation reaches live and draining
ones; a generation that does not know them is left alone."""
import os
import re
import signal

from harness import *

def rings(epoch):
    return [line.split() for line in re.findall(rf'^epoch {epoch}: ticket keys(.*)$', supervisor.log, re.M)]

def ring_of(epoch):
    return wait_for(f'epoch {epoch} gets a ring', lambda: rings(epoch), 10)[0]

fake = [f'{BUILD}/tests/fake_generation', '--ticket-keys', '1', '--parent-shutdown-time-s', '60']

supervisor = Supervisor('', command=fake, flags=['--ticket-key-rotation-s', '0'])
first = ring_of(0)
expect(len(first), 1)
supervisor.reload()
expect(ring_of(1), first)
os.kill(supervisor.live()['pid'], signal.SIGKILL)
supervisor.wait_live(2)
expect((ring_of(2), len(rings(0))), (first, 1))
expect(re.search(r'ticket key', re.sub(r'^epoch .*$', '', supervisor.log, flags=re.M)), None)

supervisor = Supervisor('', command=[*fake, '--connections', '30'], flags=['--ticket-key-rotation-s', '1'])
supervisor.reload()
wait_for('rotations reach both', lambda: min(len(rings(0)), len(rings(1))) >= 4, 20)
for epoch in (0, 1):
    for before, after in zip(rings(epoch), rings(epoch)[1:]):
        expect(after[1:], before[:2], f'epoch {epoch}')
        expect_true(after[0] not in before, f'epoch {epoch} has a new key')
common = [ring for ring in rings(0) if ring in rings(1)]
expect_true(len(common) >= 3, f'both have the same rings: {rings(0)} {rings(1)}')

supervisor = Supervisor('', command=[f'{BUILD}/tests/fake_generation', '--connections', '0'], flags=['--ticket-key-rotation-s', '1'])
wait_for('a rotation', lambda: 'session ticket keys were rotated' in supervisor.log, 10)
supervisor.reload()
expect((rings(0), rings(1), supervisor.live()['epoch']), ([], [], 1))
