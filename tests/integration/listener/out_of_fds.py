# SPDX-License-Identifier: Apache-2.0
"""Out of descriptors: accept pauses and does not spin; when some are free again all who waited are served."""
import os
import resource
import select
import time

from harness import *

def cpu_seconds():
    return sum(map(int, open(f'/proc/{proxy.pid}/stat').read().rsplit(') ', 1)[1].split()[11:13])) / os.sysconf('SC_CLK_TCK')

proxy = Proxy(config(routes=[direct('/', 200, 'ok')]), limits={resource.RLIMIT_NOFILE: 120})
port, address = proxy.port, proxy.admin_address
admin = Client(address)
clients = [Client(port) for _ in range(200)]
for client in clients:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
wait_for('the limit is reached', lambda: len(os.listdir(f'/proc/{proxy.pid}/fd')) > 110)
start, begin = cpu_seconds(), time.monotonic()
wait_for('a second', lambda: time.monotonic() - begin > 1)  # the state to be seen is that nothing burns meanwhile
expect_true(cpu_seconds() - start < 0.5, f'it spins: {cpu_seconds() - start:.2f} s of CPU in one second')
# Each worker accepts in its own order: who is answered leaves, and makes room for one that waits.
waiting = {client.socket: client for client in clients}
while waiting:
    answered, _, _ = select.select(waiting, [], [], 30)
    expect_true(answered, f'{len(waiting)} of 200 wait in vain')
    for socket in answered:
        client = waiting.pop(socket)
        expect(client.response().status, 200)
        client.close()
expect(admin.request('/ready').status, 200)
