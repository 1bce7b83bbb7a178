# SPDX-License-Identifier: Apache-2.0
"""Figures that other load on the machine does not change: what a peer does for each request, as the difference of a run of
many requests and one of few, so that start and end fall out."""
import os

from harness.programs import TMP

CALLGRIND, STRACE = f'{TMP}/callgrind', f'{TMP}/strace'


def total_after(name, start, scenario, prefix, read, requests):
    """What `read` says after a run of so many requests under `prefix`; and the requests that it really were."""
    peer = start(name, prefix)
    scenario.count(peer.port, 16)  # what a first request makes is there
    done = scenario.count(peer.port, requests).requests
    peer.stop()
    return read(), done


def difference(name, start, scenario, prefix, read):
    few, many = scenario.few_many
    low, first = total_after(name, start, scenario, prefix, read, few)
    high, second = total_after(name, start, scenario, prefix, read, many)
    return (high - low) / (second - first)


def read_callgrind():
    total = 0
    for entry in os.listdir(TMP):
        if entry.startswith('callgrind.'):
            with open(f'{TMP}/{entry}') as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith('totals:'))
            os.unlink(f'{TMP}/{entry}')
    return total


def read_strace():
    with open(STRACE) as file:
        return next(int(line.split()[3]) for line in file if line.endswith(' total\n'))


def instructions(name, start, scenario):
    """In user space."""
    prefix = ['valgrind', '--quiet', '--tool=callgrind', '--trace-children=yes', f'--callgrind-out-file={CALLGRIND}.%p']
    return difference(name, start, scenario, prefix, read_callgrind)


def system_calls(name, start, scenario):
    return difference(name, start, scenario, ['strace', '-c', '-f', '-o', STRACE], read_strace)
