# SPDX-License-Identifier: Apache-2.0
"""An old connection is served by the old generation and told `connection: close` when its drain is over; not before it asks."""
from harness import *

supervisor = Supervisor(config(routes=[direct('/', 200, 'ok')]), '--drain-time-s', '1', '--parent-shutdown-time-s', '30')
clients = [Client(supervisor.port) for _ in range(5)]
for client in clients:
    client.request('/')
supervisor.reload()
expect(len(supervisor.generations()), 2)
wait_for('the drain time is over', lambda: 'close' == clients[0].request('/').headers.get('connection') if clients[0].is_open() else True)
for client in clients[1:]:
    expect_true(client.is_open(), 'an idle connection is left alone')
    response = client.request('/')
    expect((response.status, response.headers.get('connection')), (200, 'close'))
    expect(client.rest(), ('eof', b''))
wait_for('the old generation leaves when it is empty', lambda: len(supervisor.generations()) == 1, 10)
