# SPDX-License-Identifier: Apache-2.0
"""Requests sent in one write are answered one by one, in order, also when the first has a body."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    client.send(b'POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc'
                b'POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n'
                b'GET /3 HTTP/1.1\r\nhost: a\r\n\r\n')
    for path, body in (('/1', b'abc'), ('/2', b'de'), ('/3', b'')):
        response = client.response()
        expect((response.status, response.headers['x-path'], response.body), (200, path, body))
    expect_true(client.is_open(), 'nothing more comes, and the connection stays')
