# SPDX-License-Identifier: Apache-2.0
"""A chunked request and a chunked response pass with their bodies whole; a first chunk is not held back."""
import threading

from harness import *

gate = threading.Event()
parts = [b'first', b'x' * 100_000, b'last']
upstream = Upstream(chunked(*parts, gate=gate))
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    client.send(b'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwiki\r\n5\r\npedia\r\n0\r\n\r\n')
    client.until(b'first')
    gate.set()
    client.until(b'last')
    client.until(b'0\r\n\r\n')
    expect(client.request('/again').body, b''.join(parts))
expect(upstream.requests[0].body, b'wikipedia')
