# SPDX-License-Identifier: Apache-2.0
"""A tunnel that is cut at the parent-shutdown bound ends by a FIN, not a reset, also when its client is in mid-sentence."""
import threading

from harness import *

BLOCK = b'x' * 30000
upstream = EchoUpstream()
supervisor = Supervisor(config(cluster('up', upstream.port), upgrade_configs=[{'upgrade_type': 'websocket'}]),
                        '--drain-time-s', '1', '--parent-shutdown-time-s', '1', flags=['--terminate-grace-s', '2'])
ends = []


def talk(client):
    """Says a block and hears it again, until the end."""
    end = 'eof'
    try:
        while True:
            client.send(BLOCK)
            expect(client.take(len(BLOCK)), BLOCK)
    except AssertionError as error:
        end = 'eof' if 'closed after' in str(error) else str(error)
    except OSError as error:
        end = repr(error)
    client.close()
    ends.append(end)


for _ in range(12):
    client = Client(supervisor.port)
    client.send(UPGRADE)
    expect(client.response().status, 101)
    threading.Thread(target=talk, args=(client,), daemon=True).start()
supervisor.reload()
wait_for('all tunnels have ended', lambda: len(ends) == 12, 15)
expect(set(ends), {'eof'})
