# SPDX-License-Identifier: Apache-2.0
"""An HTTP/2 client that opens its windows and takes nothing is closed, although not even the reset of its stream can leave."""
from harness import *

SIZE = 14_000_000  # more than all buffers on the way
upstream = Nghttpd(files={'index.html': bytes(SIZE)})
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2')), stream_idle_timeout='0.5s', drain_timeout='0.2s',
                     delayed_close_timeout='0.2s', common_http_protocol_options={'idle_timeout': '0.3s'}), '--concurrency', '1')
client = Http2Client(proxy.port, settings={h2.INITIAL_WINDOW_SIZE: h2.EVERY_STREAM}, greedy=False)
client.update(0, h2.EVERY_STREAM - 65535)
client.open()
proxy.wait_stat('http.ingress.downstream_rq_idle_timeout', 1)
expect(proxy.stat('http2.streams_active'), 1, 'the reset waits behind what the client does not take')
proxy.wait_stat('http.ingress.downstream_cx_active', 0)
stats = proxy.stats()
expect((stats['http2.streams_active'], stats['cluster.up.upstream_rq_active'], stats['http.ingress.downstream_rq_idle_timeout']), (0, 0, 1))
