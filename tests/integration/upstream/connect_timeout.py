# SPDX-License-Identifier: Apache-2.0
"""A connect that nobody answers: 503 UF after the cluster's connect timeout."""
import socket

from harness import *

# A full accept queue drops the SYNs that follow.
full = socket.socket()
full.bind(('127.0.0.1', 0))
full.listen(0)
fillers = []
for _ in range(4):
    filler = socket.socket()
    filler.setblocking(False)
    filler.connect_ex(full.getsockname())
    fillers.append(filler)
proxy = Proxy(config(cluster('up', full.getsockname()[1], connect_timeout='0.3s')))
response = get(proxy.port)
expect(response.status, 503)
expect_in(b'reset reason: connection timeout', response.body)
expect(proxy.stat('cluster.up.upstream_cx_connect_timeout') >= 1, True)
