# SPDX-License-Identifier: Apache-2.0
"""An answer cut in its body is cut for the client too: never a complete message that is not one."""
from harness import *

upstream = Upstream(raw(b'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this'))
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    head = client.until(b'\r\n\r\n')
    expect_in(b'content-length: 100', head)
    _, body = client.rest()
    expect_true(b'only this'.startswith(body), f'{body!r}')
chunky = Upstream(raw(b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'))
proxy = Proxy(config(cluster('up', chunky.port)))
with Client(proxy.port) as client:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    expect(b'0\r\n\r\n' in client.rest()[1], False, 'no last chunk')
