# SPDX-License-Identifier: Apache-2.0
"""A request that comes byte by byte is the same request."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    for byte in b'POST /a HTTP/1.1\r\nHost: A\r\nX-One:  1 \r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\n\r\n':
        client.send(bytes([byte]))
    response = client.response()
    expect(response.body, b'abcd')
    expect_in('x-one=1;', response.headers['x-seen'])
