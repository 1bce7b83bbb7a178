# SPDX-License-Identifier: Apache-2.0
"""Half a head: 408 after request_headers_timeout. Half a body: 408 after stream_idle_timeout. Both close."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port), request_headers_timeout='0.3s', stream_idle_timeout='0.4s'))
for data, text in ((b'GET / HTTP/1.1\r\nhos', b'request header timeout'),
                   (b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc', b'stream timeout')):
    with Client(proxy.port) as client:
        client.send(data)
        response = client.response()
        expect((response.status, response.body), (408, text))
        expect(client.rest(), ('eof', b''))
