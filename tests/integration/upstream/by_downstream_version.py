# SPDX-License-Identifier: Apache-2.0
"""use_downstream_protocol_config: a request goes on by the version it came with, each on connections of its own."""
from harness import *
from harness.http2_peer import Http2Connection, serve


def both(connection):
    connection.fill()
    if connection.input.startswith(b'PRI'):
        serve(Http2Connection(connection.socket, {}, connection.input))


upstream = Upstream(answer(b'first\n'), on_connect=both)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('downstream'))), '--concurrency', '1')
url = f'http://127.0.0.1:{proxy.port}/'
for _ in range(3):
    response = curl(url, http2=False)
    expect((response.version, response.body), ('1.1', b'first\n'))
    response = curl(url, http2=True)
    expect((response.version, response.body), ('2', b'hello\n'))
expect((proxy.stat('cluster.up.upstream_cx_http1_total'), proxy.stat('cluster.up.upstream_cx_http2_total')), (1, 1))
expect(upstream.connections, 2)
