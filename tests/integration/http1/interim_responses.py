# SPDX-License-Identifier: Apache-2.0
"""Interim answers of the upstream (103) are dropped, the final one passes."""
from harness import *

upstream = Upstream(raw(b'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', then='keep'))
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    for _ in range(2):
        response = client.request('/')
        expect((response.status, response.body), (200, b'ok'))
        expect('link' in response.headers, False)
