# SPDX-License-Identifier: Apache-2.0
"""A client that neither asks nor leaves cannot hold the old generation beyond --parent-shutdown-time-s."""
from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200)]), '--drain-time-s', '1', '--parent-shutdown-time-s', '3')
client = Client(supervisor.port)
client.request('/')
supervisor.reload()
old = supervisor.generations()[0]
expect(old['state'], 'draining')
wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 15)
expect(client.rest()[1], b'')
