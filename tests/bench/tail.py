# SPDX-License-Identifier: Apache-2.0
"""How long the slow requests of a calm hour take: each peer at half of its own peak rate."""
import os
import re

from harness.programs import TMP

from .loads import run

CONNECTIONS = 16


def h2load(port, *extra):
    return run('h2load', '--h1', f'-c{CONNECTIONS}', *extra, f'http://127.0.0.1:{port}/')


def peak(peer, seconds):
    """Requests per second."""
    return float(re.search(r'finished in [\d.]+m?s, ([\d.]+) req/s', h2load(peer.port, '-D', seconds)).group(1))


def at_half(peer, seconds):
    """(p50, p99, p99.9) in ms at half of the peak rate, sent evenly."""
    each = max(1, int(peak(peer, seconds) / 2 / CONNECTIONS))
    path = f'{TMP}/tail'
    h2load(peer.port, '-D', seconds, f'--rps={each}', f'--log-file={path}')
    with open(path) as file:
        taken = sorted(int(line.split('\t')[2]) for line in file)
    os.unlink(path)
    return [taken[min(len(taken) - 1, int(len(taken) * part))] / 1000 for part in (0.5, 0.99, 0.999)]
