# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 upstream: many requests share few connections, never more at a time on one than its peer and we allow."""
from harness import *

for ours, peers in ((1024, 20), (10, 100)):
    upstream = Nghttpd('-m', str(peers))
    proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2', max_concurrent_streams=ours))), '--concurrency', '1')
    expect(curl(f'http://127.0.0.1:{proxy.port}/').body, b'hello\n')
    counts = h2load(f'http://127.0.0.1:{proxy.port}/', requests=2000, clients=4, streams=25)
    expect(counts['2xx'], 2000, counts)
    stats = proxy.stats()
    expect_true(100 // min(ours, peers) <= stats['cluster.up.upstream_cx_total'] <= 100 // min(ours, peers) + 2,
                f'connections for 100 requests at a time: {stats["cluster.up.upstream_cx_total"]}')
    expect(stats['cluster.up.upstream_cx_http2_total'], stats['cluster.up.upstream_cx_total'])
    expect(stats['cluster.up.upstream_cx_http1_total'], 0)
    expect((stats['cluster.up.upstream_rq_total'], stats['cluster.up.upstream_rq_200'], stats['cluster.up.upstream_rq_2xx']), (2001,) * 3)
    expect(stats['cluster.up.http2.stream_refused_errors'], 0, 'the limit of the peer was known')
    expect((stats['cluster.up.http2.streams_active'], stats['cluster.up.upstream_rq_active']), (0, 0))
    streams = [line for line in upstream.frames('recv HEADERS')]
    expect(len(streams), 2001, 'requests that reached nghttpd')
