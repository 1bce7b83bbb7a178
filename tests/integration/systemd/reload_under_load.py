# SPDX-License-Identifier: Apache-2.0
# timeout: 180
"""A real systemd: start, `systemctl reload` under load by both names, counters and epochs that go on, stop."""
import json

from harness import *
from harness.nspawn import Machine, free_low_port

upstream, port = FastUpstream(), free_low_port()
admin = port + 1
value = bootstrap([listener(hcm(), port=port)], [cluster('up', upstream.port)], admin_port=admin)
with Machine() as machine:
    machine.serve(value, BUILD)
    machine.must('systemctl', 'enable', 'heirloom')  # makes the alias
    expect(machine.property('ActiveState'), 'active')
    main_pid = machine.property('MainPID')
    one = machine.live()
    status = machine.must('cat', f'/proc/{one["pid"]}/status')
    user = next(line.split()[1] for line in status.splitlines() if line.startswith('Uid:'))
    rights = next(line.split()[1] for line in status.splitlines() if line.startswith('CapEff:'))
    expect_true(user != '0', 'the proxy does not run as root')
    expect(int(rights, 16), 0, 'the proxy keeps no capability')
    load = Load(port, busy=2, fresh=1, sleepy=10)
    load.wait_requests()
    for epoch, name in enumerate(('heirloom', 'envoyproxy', 'heirloom'), 1):
        machine.must('systemctl', 'reload', name)
        expect(machine.live()['epoch'], epoch)
        load.wait_requests()
    info = json.loads(get(admin, '/server_info').body)
    expect(info['command_line_options']['restart_epoch'], 3)
    expect_true(info['version'].split('/')[1].count('.') == 2, info['version'])
    expect_true(int(info['uptime_all_epochs'][:-1]) >= int(info['uptime_current_epoch'][:-1]), 'uptimes')
    expect(machine.property('MainPID'), main_pid, 'the same supervisor all the time')
    expect_in('Epoch 3 is live', machine.property('StatusText'))
    counts = load.stop_without_loss()
    answer = json.loads(machine.must('heirloomctl', '--json', 'stats', 'http.ingress.downstream_rq_completed'))
    from harness.programs import find_stat
    expect(find_stat(answer, 'http.ingress.downstream_rq_completed'), counts['requests'])
    machine.must('systemctl', 'stop', 'heirloom')
    expect(machine.property('ActiveState'), 'inactive')
    expect(machine.property('Result'), 'success')
    expect(machine.run('pgrep', 'heirloom').stdout, '', 'nothing is left')
