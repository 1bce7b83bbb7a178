# SPDX-License-Identifier: Apache-2.0
"""`Expect: 100-continue` gets its 100 before the body is sent; the header does not reach the upstream."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    client.send(b'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n')
    expect(client.response().status, 100)
    client.send(b'12345')
    expect(client.response().body, b'12345')
expect('expect' in upstream.requests[0].headers, False)
proxy.wait_stat('http.ingress.downstream_rq_1xx', 1)  # both answers count as completed, as in Envoy
proxy.wait_stat('http.ingress.downstream_rq_completed', 2)
