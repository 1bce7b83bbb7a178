# SPDX-License-Identifier: Apache-2.0
"""A client that begins with HTTP/2's preface is served by HTTP/2, beside HTTP/1.1 on the same port."""
import subprocess

from harness import *

upstream = FastUpstream()
proxy = Proxy(config(cluster('up', upstream.port)))
url = f'http://127.0.0.1:{proxy.port}/bytes/100000'
done = subprocess.run(['curl', '-sS', '--http2-prior-knowledge', '-w', '%{http_version} %{http_code} %{size_download}', '-o', '/dev/null', url],
                      capture_output=True, text=True)
expect((done.returncode, done.stdout), (0, '2 200 100000'), done.stderr)
expect(get(proxy.port, '/bytes/10').status, 200)
expect((proxy.stat('http.ingress.downstream_cx_http2_total'), proxy.stat('http.ingress.downstream_rq_http2_total'),
        proxy.stat('http.ingress.downstream_rq_http1_total')), (1, 1, 1), 'requests by protocol')
