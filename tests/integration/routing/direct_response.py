# SPDX-License-Identifier: Apache-2.0
"""A direct response needs no upstream, keeps the connection, and swallows the request's body."""
import base64

from harness import *

with open(f'{TMP}/page', 'w') as page:
    page.write('from a file')


def with_body(prefix, **source):
    return {'match': {'prefix': prefix}, 'direct_response': {'status': 200, 'body': source}}


proxy = Proxy(config(routes=[direct('/teapot', 418, 'short and stout\n'), direct('/empty', 204), with_body('/file', filename=f'{TMP}/page'),
                             with_body('/bytes', inline_bytes=base64.b64encode(b'\0\xff').decode())]))
with Client(proxy.port) as client:
    response = client.request('/teapot')
    expect((response.status, response.body, response.headers['content-type']), (418, b'short and stout\n', 'text/plain'))
    expect(client.request('/empty').status, 204)
    expect(client.request('/teapot').body, b'short and stout\n')
    expect(client.request('/file').body, b'from a file')
    expect(client.request('/bytes').body, b'\0\xff')
expect(request(proxy.port, '/teapot', 'POST', body=b'x' * 100_000).status, 418)
