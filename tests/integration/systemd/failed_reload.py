# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""A real systemd: a failed reload is non-zero, its reason is in `systemctl status`, the old generation serves on."""
from harness import *
from harness.nspawn import Machine, free_low_port

port = free_low_port()
value = bootstrap([listener(hcm(direct('/', 200, 'old')), port=port)], [], admin_port=port + 1)
with Machine() as machine:
    machine.serve(value, BUILD)
    pid = machine.live()['pid']
    machine.configure(to_yaml(value).replace('stat_prefix', 'stat_prefiks'))
    done = machine.run('systemctl', 'reload', 'heirloom')
    expect_true(done.returncode != 0, 'systemctl reload fails')
    expect_in('stat_prefiks', machine.run('systemctl', 'status', '--full', '--lines=50', 'heirloom').stdout)
    expect((machine.property('ActiveState'), machine.live()['pid'], get(port).body), ('active', pid, b'old'))
    machine.configure(to_yaml(value).replace('"old"', '"new"'))
    machine.must('systemctl', 'reload', 'heirloom')
    expect(get(port).body, b'new')
    machine.must('systemctl', 'restart', 'heirloom')
    expect((machine.live()['epoch'], get(port).body), (0, b'new'))
    machine.configure('nonsense: true\n')
    expect_true(machine.run('systemctl', 'restart', 'heirloom').returncode != 0, 'a restart into a broken config fails')
