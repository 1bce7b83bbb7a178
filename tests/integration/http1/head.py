# SPDX-License-Identifier: Apache-2.0
"""HEAD is answered by the header fields alone, content-length included, and the connection goes on."""
from harness import *

upstream = Upstream(answer(b'x' * 1000))
proxy = Proxy(config(cluster('up', upstream.port), routes=[direct('/direct', 200, 'text'), route()]))
with Client(proxy.port) as client:
    for _ in range(3):
        response = client.request('/', 'HEAD')
        expect((response.status, response.headers['content-length'], response.body), (200, '1000', b''))
    expect(client.request('/direct', 'HEAD').headers['content-length'], '4')
    expect(len(client.request('/').body), 1000)
