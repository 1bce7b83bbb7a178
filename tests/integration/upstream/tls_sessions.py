# SPDX-License-Identifier: Apache-2.0
"""TLS upstream: a session is taken up again by the next connection, by TLS 1.2 and 1.3, unless max_session_keys is 0."""
from harness import *

authority = Authority()
certificate = authority.issue('a.test')
for version in ('TLSv1_2', 'TLSv1_3'):
    upstream = OpensslServer(certificate)  # -www: one request per connection
    bounds = {'tls_minimum_protocol_version': version, 'tls_maximum_protocol_version': version}
    for keys in (None, 0, 3):
        outer = {} if keys is None else {'max_session_keys': keys}
        proxy = Proxy(config(cluster('up', upstream.port, transport_socket=upstream_tls(authority, 'a.test', outer=outer, tls_params=bounds))),
                      '--concurrency', '1')
        seen = [b'Reused, ' in get(proxy.port).body for _ in range(4)]
        expect(seen, [False] + [keys != 0] * 3, f'{version}, max_session_keys {keys}')
        expect(proxy.stat('cluster.up.ssl.handshake'), 4)
        expect(proxy.stat('cluster.up.ssl.session_reused'), 0 if keys == 0 else 3)
        expect(proxy.stat(f'cluster.up.ssl.versions.{version.replace("_", ".")}'), 4)
        proxy.end()
