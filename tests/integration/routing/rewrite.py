# SPDX-License-Identifier: Apache-2.0
"""prefix_rewrite and host_rewrite_literal change what the upstream sees; the original path is told."""
from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port), routes=[route('/api', prefix_rewrite='/v1', host_rewrite_literal='inner.org')]))
response = get(proxy.port, '/api/x?y=1')
expect(response.headers['x-path'], '/v1/x?y=1')
expect_in('host=inner.org;', response.headers['x-seen'])
expect_in('x-envoy-original-path=/api/x?y=1;', response.headers['x-seen'])
