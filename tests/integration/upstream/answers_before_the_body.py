# SPDX-License-Identifier: Apache-2.0
"""An upstream that answers before it has read the request's body: the client gets that answer."""
from harness import *

upstream = Upstream(on_connect=lambda connection: (connection.take_until(b'\r\n\r\n'), connection.send(
    b'HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbig\n'), connection.take(10_000_000)))
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    client.send(b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000000\r\n\r\n' + b'x' * 1000)
    response = client.response()
    expect((response.status, response.body), (413, b'big\n'))
