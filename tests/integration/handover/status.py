# SPDX-License-Identifier: Apache-2.0
"""heirloomctl status tells epoch, pid, version, state, age, connections and shards, for people and as JSON."""
import os
import re
import stat

from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200)]))
client = Client(supervisor.port)
client.request('/')
wait_for('the connection is told', lambda: supervisor.live()['active_connections'] >= 1)
one = supervisor.live()
expect((one['epoch'], one['state']), (0, 'live'))
expect_true(os.path.exists(f'/proc/{one["pid"]}') and one['pid'] != supervisor.pid, 'pid')
expect_true(re.search(r'\d+\.\d+\.\d+', one['version']), one['version'])
code, out, err = supervisor.ctl('status')
expect(code, 0, err)
for part in ('live', str(one['pid']), one['version']):
    expect_in(part, out)
socket_mode = stat.S_IMODE(os.stat(f'{supervisor.run_dir}/control.sock').st_mode)
expect(oct(socket_mode), '0o600')
code, out, err = supervisor.ctl('no-such-command')
expect_true(code != 0 and err, 'a wrong command is refused')
