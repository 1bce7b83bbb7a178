# SPDX-License-Identifier: Apache-2.0
"""Clients that are not ours: curl, nghttp and h2load get all they ask for, small and large, many streams at a time."""
import re
import subprocess

from harness import *

upstream = FastUpstream()
patient = Upstream(answer(b'b' * 1000000))  # reads all of a request first: curl 7.88 loses the rest of an answer that overtakes its upload
proxy = Proxy(config(cluster('up', upstream.port), cluster('patient', patient.port), routes=[route('/upload', 'patient'), route()]))
url = f'http://127.0.0.1:{proxy.port}'
body = f'{TMP}/body'
with open(body, 'wb') as file:
    file.write(b'0123456789' * 5000)


def run(*command):
    done = subprocess.run(command, capture_output=True, timeout=50)
    expect(done.returncode, 0, f'{command}: {done.stdout[-2000:]!r} {done.stderr[-2000:]!r}')
    return done.stdout


def load(*options, path, requests):
    text = run('h2load', '-n', str(requests), *options, f'{url}{path}').decode()
    seen = re.search(r'(\d+) total, (\d+) started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout', text)
    expect([int(one) for one in seen.groups()], [requests] * 4 + [0] * 3, text)


expect(len(run('curl', '-sS', '--http2-prior-knowledge', '-d', f'@{body}', f'{url}/upload')), 1000000)
expect(run('nghttp', f'{url}/bytes/1', f'{url}/bytes/1?', f'{url}/bytes/1?2'), b'a' * 3)
load('-c', '10', '-m', '100', path='/bytes/10', requests=20000)
load('-c', '4', '-m', '50', '-d', body, path='/bytes/50000', requests=1000)
load('-c', '2', '-m', '10', '-w', '14', '-W', '15', path='/bytes/1000000', requests=60)  # windows of 16 and 32 KiB
proxy.wait_stat('http.ingress.downstream_cx_active', 0)
expect((proxy.stat('http.ingress.downstream_rq_2xx'), proxy.stat('http2.streams_active')), (21064, 0))
expect({name: value for name, value in proxy.stats().items() if value and re.match(r'http2\.(.*flood|tx_reset|rx_reset|rx_messaging.*)', name)}, {})
