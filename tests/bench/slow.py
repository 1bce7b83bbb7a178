# SPDX-License-Identifier: Apache-2.0
"""What a peer costs that takes nothing of what the other side would send without an end, beside the configured limits: ours and
Envoy's by the same files."""
import os

from harness import bootstrap, cluster, hcm, listener, speaks, to_yaml
from harness.programs import TMP
from harness.slow_peers import SlowPeers

from .peers import Process, free_port
from .scale import commands, wait_ready

NUMBER = 1000
LIMITS = (32 << 10, 1 << 20)  # per_connection_buffer_limit_bytes of listener and cluster
WINDOWS = {'initial_stream_window_size': 1 << 16, 'initial_connection_window_size': 1 << 20}
MANY = {'thresholds': [{'max_connections': 9999, 'max_pending_requests': 9999, 'max_requests': 9999}]}
# Title, which way, the upstream, streams to a connection of HTTP/2 (0: HTTP/1).
CASES = [('answers, HTTP/1', 'download', 'pours', 0), ('answers, HTTP/2', 'download', 'pours', 1),
         ('answers, 100 streams', 'download', 'pours', 100), ('uploads, HTTP/1', 'upload', 'stalls', 0),
         ('uploads, HTTP/2', 'upload', 'stalls', 1), ('uploads, 100 streams', 'upload', 'stalls', 100),
         ('uploads to HTTP/2', 'upload', 'stalls-http2', 0)]


def kib_each(argv, way, kind, streams, limit):
    ends = SlowPeers()
    port, admin = free_port(), free_port()
    protocol = speaks('http2', **WINDOWS) if kind == 'stalls-http2' else {}
    up = cluster('up', ends.upstream(kind), per_connection_buffer_limit_bytes=limit, circuit_breakers=MANY, **protocol)
    ingress = listener(hcm(http2_protocol_options=WINDOWS), port=port, per_connection_buffer_limit_bytes=limit)
    directory = f'{TMP}/slow-{port}'
    os.mkdir(directory)
    with open(f'{directory}/config.yaml', 'w') as file:
        file.write(to_yaml(bootstrap([ingress], [up], admin)))
    process = Process(directory, [*argv, '-c', f'{directory}/config.yaml'], admin)
    wait_ready(admin)
    before = process.pss_kib()
    getattr(ends, way)(port, NUMBER, streams)
    ends.wait_stalled(1)
    each = (process.pss_kib() - before) / NUMBER
    process.stop()
    ends.close()
    return each


def table(row):
    """row(label, cells) prints."""
    sides = [(name, argv, limit) for name, argv in commands().items() for limit in LIMITS]
    row('PSS KiB each; limit KiB', [f'{name[:6]} {limit >> 10}' for name, _, limit in sides])
    for title, *case in CASES:
        row(title, [f'{kib_each(argv, *case, limit):.0f}' for _, argv, limit in sides])
