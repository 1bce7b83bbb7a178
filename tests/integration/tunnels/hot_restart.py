# SPDX-License-Identifier: Apache-2.0
"""An open tunnel lives on in the draining generation until the parent-shutdown bound, and is then cut in order."""
from harness import *

upstream = Upstream(tunnel_echo())
supervisor = Supervisor(config(cluster('up', upstream.port), upgrade_configs=[{'upgrade_type': 'websocket'}]),
                        '--drain-time-s', '1', '--parent-shutdown-time-s', '3', flags=('--terminate-grace-s', '2'))
client = Client(supervisor.port)
client.send(UPGRADE)
expect(client.response().status, 101)
supervisor.reload()
expect([generation['state'] for generation in supervisor.generations()], ['draining', 'live'])
client.send(b'still here')
expect(client.take(10), b'STILL HERE')
with Client(supervisor.port) as other:
    other.send(UPGRADE)
    expect(other.response().status, 101, 'the new generation takes tunnels of its own')
how, rest = client.rest()
expect((how, rest), ('eof', b''))
client.close()
wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 15)
