# SPDX-License-Identifier: Apache-2.0
"""proxy_100_continue: who may go on with a body is the upstream's word, not the proxy's."""
from harness import *



class Patient(Upstream):
    """Says 100 when it has the head, and answers when it has the body."""

    def _serve(self, sock):
        data = b''
        while b'\r\n\r\n' not in data:
            data += sock.recv(65536)
        self.requests.append(data)
        sock.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        while not data.endswith(b'abcd'):
            data += sock.recv(65536)
        sock.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
        sock.recv(1)


upstream = Patient()
proxy = Proxy(config(cluster('up', upstream.port), proxy_100_continue=True))
with Client(proxy.port) as client:
    client.send(b'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n')
    expect_in(b'HTTP/1.1 100 Continue', client.until(b'\r\n\r\n'))
    expect_in(b'expect: 100-continue', upstream.requests[0])
    client.send(b'abcd')
    response = client.response()
    expect((response.status, response.body), (200, b'ok'))
