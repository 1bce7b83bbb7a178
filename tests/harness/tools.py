# SPDX-License-Identifier: Apache-2.0
"""Clients that are not ours: curl for a request by HTTP/2, h2load for many."""
import re
import subprocess

from .client import Response
from .peers import need
from .waiting import FACTOR, expect


def curl(url, *options, data=None, http2=True, code=0):
    """One request; the Response, with `version` ('2' or '1.1'). `data`: the body of a POST. `code`: curl's exit code expected."""
    body = ['--data-binary', '@-', '-H', 'content-type: application/octet-stream'] if data is not None else []
    done = subprocess.run([need('curl'), '-sS', '-i', *(['--http2-prior-knowledge'] if http2 else []), '-m', str(30 * FACTOR),
                           '-H', 'expect:', *body, *options, url], input=data, capture_output=True)
    expect(done.returncode, code, f'curl {url}: {done.stderr.decode()}')
    if code:
        return None
    rest = done.stdout
    while True:
        head, _, rest = rest.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        version, status = lines[0].split(' ')[:2]
        if int(status) >= 200 or int(status) == 101:
            break
    headers = [tuple(part.strip() for part in line.split(':', 1)) for line in lines[1:]]
    response = Response(int(status), '', [(name.lower(), value) for name, value in headers], rest)
    response.version = version.split('/')[1]
    return response


def h2load(url, *options, requests, clients=1, streams=10):
    """Requests by HTTP/2: how many got which class of status, e.g. {'2xx': 1000, 'failed': 0}."""
    done = subprocess.run([need('h2load'), '-n', str(requests), '-c', str(clients), '-m', str(streams), *options, url],
                          capture_output=True, text=True, timeout=60 * FACTOR)
    expect(done.returncode, 0, f'h2load: {done.stdout}{done.stderr}')
    counts = {name: int(count) for count, name in re.findall(r'(\d+) ([1-5]xx|failed|succeeded)', done.stdout)}
    return counts
