# SPDX-License-Identifier: Apache-2.0
"""A virtual host that requires TLS sends plain requests to https; what came by TLS is served."""
from harness import *

upstream = Upstream(answer(b'served'))
proxy = Proxy(config(cluster('up', upstream.port), virtual_hosts=[
    {**virtual_host('tls', ['tls.org', 'tls.org:80'], route()), 'require_tls': 'ALL'}, virtual_host('plain', ['*'], route())]))
response = get(proxy.port, '/a?b', host='tls.org:80')
expect((response.status, response.headers['location']), (301, 'https://tls.org:80/a?b'))
expect(get(proxy.port, '/a', headers=[('x-forwarded-proto', 'https')], host='tls.org').body, b'served')
expect(get(proxy.port, '/a', host='other.org').body, b'served')
with Http2Client(proxy.port) as client:
    expect(client.request('/a', host='tls.org').status, 301)
expect(proxy.stat('http.ingress.rq_direct_response'), 2)
