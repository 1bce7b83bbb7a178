# SPDX-License-Identifier: Apache-2.0
"""/server_info over a reload: the epoch counts on, uptime_all_epochs goes on, the version is told; counters go on too."""
from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]))
port = supervisor.port
for _ in range(7):
    get(port)
before = supervisor.admin_json('/server_info')
expect(before['command_line_options']['restart_epoch'], 0)
seconds = lambda info, name: int(info[name].rstrip('s'))
wait_for('a second of uptime', lambda: seconds(supervisor.admin_json('/server_info'), 'uptime_all_epochs') >= 1)
supervisor.reload()
after = supervisor.admin_json('/server_info')
expect(after['command_line_options']['restart_epoch'], 1)
expect(after['version'], before['version'])
expect_true(seconds(after, 'uptime_all_epochs') >= 1, 'uptime of all epochs goes on')
expect_true(seconds(after, 'uptime_current_epoch') <= seconds(after, 'uptime_all_epochs'), 'own uptime')
expect(supervisor.stat('http.ingress.downstream_rq_total'), 7)
expect(supervisor.stat('server.hot_restart_epoch'), 1)
