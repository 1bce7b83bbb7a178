# SPDX-License-Identifier: Apache-2.0
"""SIGHUP reloads; a new config gives new routes, listeners and worker counts on the sockets that are there."""
import signal

from harness import *

one, two = hcm(direct('/', 200, 'one')), hcm(direct('/', 200, 'two'))
supervisor = Supervisor(bootstrap([listener(one, 'a')], []))
port = supervisor.port_of('a')
write_config(bootstrap([listener(two, 'renamed', port=0), listener(two, 'added', '::1')], []), supervisor.config_path)
supervisor.signal(signal.SIGHUP)
supervisor.wait_live(1)
expect(get(port).body, b'two', 'same socket, whatever its name')
added = supervisor.port_of('added')
expect(get(('::1', added)).body, b'two')
write_config(bootstrap([listener(one, 'a')], []), supervisor.config_path)
supervisor.reload()
expect(get(port).body, b'one')
def refused():
    try:
        Client(('::1', added)).close()
    except ConnectionRefusedError:
        return True
wait_for('the removed listener refuses', refused, 30)
