# SPDX-License-Identifier: Apache-2.0
"""An endpoint may be a unix socket."""
from harness import *

path = f'{TMP}/up.sock'
Upstream(answer(b'by path\n'), path=path)
proxy = Proxy(config(cluster('up', path)))
with Client(proxy.port) as client:
    for _ in range(3):
        expect(client.request('/').body, b'by path\n')
