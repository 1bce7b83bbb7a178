# SPDX-License-Identifier: Apache-2.0
"""An idle connection ends at its idle timeout; one that sent a request before is told or closed in order."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200, 'ok')], common_http_protocol_options={'idle_timeout': '0.3s'}, drain_timeout='0.1s'))
with Client(proxy.port) as client:
    expect(client.rest(), ('eof', b''))
with Client(proxy.port) as client:
    client.request('/')
    expect(client.rest(), ('eof', b''))
proxy.wait_stat('http.ingress.downstream_cx_idle_timeout', lambda value: value >= 1)
