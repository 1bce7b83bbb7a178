# SPDX-License-Identifier: Apache-2.0
"""Each admin path answers with Envoy's type and form."""
import json

from harness import *

upstream = Upstream()
proxy = Proxy(config(cluster('up', upstream.port)))
get(proxy.port)
for path, start in (('/', b'<'), ('/help', b'admin commands are:\n'), ('/ready', b'LIVE\n'), ('/stats', b''), ('/listeners', b'ingress::127.0.0.1:'),
                    ('/clusters', b'up::'), ('/hot_restart_version', b''), ('/stats/prometheus', b'# TYPE envoy_'), ('/logging', None)):
    response = proxy.admin(path, 'POST' if path == '/logging' else 'GET')
    expect(response.status, 200, path)
    expect(response.headers['cache-control'], 'no-cache, max-age=0', path)
    expect(response.headers['x-content-type-options'], 'nosniff', path)
    if start is not None:
        expect_true(response.body.startswith(start), f'{path}: {response.body[:80]!r}')
for path in ('/server_info', '/stats?format=json', '/listeners?format=json', '/clusters?format=json', '/config_dump', '/memory', '/generations?format=json', '/init_dump?mask=listener'):
    response = proxy.admin(path)
    expect((response.status, response.headers['content-type']), (200, 'application/json'), path)
    json.loads(response.body)
expect_in(b'not enabled', proxy.admin('/contention').body)
response = proxy.admin('/nothing')
expect(response.status, 404)
expect_true(response.body.startswith(b'invalid path. admin commands are:\n'), f'{response.body[:60]!r}')
info = proxy.admin_json('/server_info')
expect((info['state'], info['command_line_options']['concurrency'], info['command_line_options']['drain_time']), ('LIVE', 2, '600s'))
expect(len(info['version'].split('/')), 5)
