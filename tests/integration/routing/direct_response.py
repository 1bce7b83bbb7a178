# SPDX-License-Identifier: Apache-2.0
"""A direct response needs no upstream, keeps the connection, and swallows the request's body."""
from harness import *

proxy = Proxy(config(routes=[direct('/teapot', 418, 'short and stout\n'), direct('/empty', 204)]))
with Client(proxy.port) as client:
    response = client.request('/teapot')
    expect((response.status, response.body, response.headers['content-type']), (418, b'short and stout\n', 'text/plain'))
    expect(client.request('/empty').status, 204)
    expect(client.request('/teapot').body, b'short and stout\n')
expect(request(proxy.port, '/teapot', 'POST', body=b'x' * 100_000).status, 418)
