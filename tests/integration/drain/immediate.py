# SPDX-License-Identifier: Apache-2.0
"""--drain-strategy immediate: the first answer after the reload closes."""
from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200)]), '--drain-time-s', '30', '--parent-shutdown-time-s', '60', '--drain-strategy', 'immediate')
client = Client(supervisor.port)
client.request('/')
supervisor.reload()
expect(client.request('/').headers.get('connection'), 'close')
wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 10)
