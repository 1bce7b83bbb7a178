# SPDX-License-Identifier: Apache-2.0
"""Peers that take nothing cost what the buffer limits and windows say, however much the other side would send."""
from harness import *
from harness.slow_peers import SlowPeers

PEERS, LIMIT, WINDOW = 32, 32768, 65536
WINDOWS = {'initial_stream_window_size': WINDOW, 'initial_connection_window_size': 1 << 20}
MANY = {'thresholds': [{'max_connections': 1000, 'max_requests': 1000}]}


def pss_kib():
    with open(f'/proc/{proxy.pid}/smaps_rollup') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('Pss:'))


ends = SlowPeers()
kinds = {'pours': {}, 'stalls': {}, 'stalls-http2': speaks('http2', **WINDOWS)}
clusters = [cluster(kind, ends.upstream(kind), per_connection_buffer_limit_bytes=LIMIT, circuit_breakers=MANY, **how) for kind, how in kinds.items()]
listeners = [listener(hcm(route(cluster=kind), stat_prefix=kind, http2_protocol_options=WINDOWS), name=kind, per_connection_buffer_limit_bytes=LIMIT)
             for kind in kinds]
proxy = Proxy(bootstrap(listeners, clusters), '--concurrency', '1')
ports = proxy.listener_ports()
start = pss_kib()
# What one read may bring beyond the limit; over HTTP/2 a limit for the stream and one for its connection, or a window. The rest is
# heads, and blocks that are not full. Memory stays with the process: the smaller ones first.
HTTP1 = (LIMIT + 65536) / 1024 + 112
HTTP2 = (2 * (LIMIT + 65536) + WINDOW) / 1024 + 112
for send, kind, streams, most in ((ends.download, 'pours', 0, HTTP1), (ends.upload, 'stalls', 0, HTTP1), (ends.download, 'pours', 1, HTTP2),
                                  (ends.download, 'pours', PEERS, HTTP2), (ends.upload, 'stalls', PEERS, HTTP2),
                                  (ends.upload, 'stalls-http2', 0, HTTP2)):
    send(ports[kind], PEERS, streams)
    proxy.wait_stat(f'cluster.{kind}.upstream_rq_active', PEERS)
    ends.wait_stalled()
    each = (pss_kib() - start) / PEERS
    print(f'{send.__name__} {kind} {streams}: {each:.0f} KiB for each')
    expect_true(each < most or 'release' not in BUILD, f'{send.__name__} {kind} {streams}: {each:.0f} KiB for each, {most:.0f} at most')
    ends.close()
    proxy.wait_stat(f'cluster.{kind}.upstream_rq_active', 0)
stats = proxy.stats()
for name in ('pours.upstream_flow_control_paused_reading_total', 'stalls.upstream_flow_control_backed_up_total'):
    expect_true(stats[f'cluster.{name}'] >= PEERS, f'{name}: {stats[f"cluster.{name}"]}')
