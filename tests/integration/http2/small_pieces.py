# SPDX-License-Identifier: Apache-2.0
"""What waits of a body takes memory in proportion to its bytes, also when each little piece comes among frames that count for nothing."""
import threading

from harness import *

PIECES = 4000


def resident_mb():
    return next(int(line.split()[1]) // 1024 for line in open(f'/proc/{proxy.pid}/status') if line.startswith('VmRSS'))


def reads_nothing(peer):
    peer.wait(h2.HEADERS)
    gate.wait(50)


gate = threading.Event()
upstream = Http2Peer(reads_nothing)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2')), routes=[route(timeout='0s')]), '--concurrency', '1')
with Http2Client(proxy.port, greedy=False) as client:
    client.ping()
    before = resident_mb()
    stream = client.open(method='POST', end=False)
    piece = h2.data(stream, bytes(600))
    piece += h2.frame(0x42, 0, 0, bytes(16384 - len(piece) - 9))  # of no known type; together a block
    for _ in range(PIECES // 100):
        client.send(piece * 100)
    client.ping()
    grown = resident_mb() - before
expect_true(grown < 24 or 'release' not in BUILD, f'{PIECES * 600} bytes of body, memory grew by {grown} MB')
gate.set()
