# SPDX-License-Identifier: Apache-2.0
"""upstream_connection_options.tcp_keepalive: the kernel asks an endpoint that is silent whether it is still there."""
from harness import *


def timer(port):
    """Of the connection to the port: kind and seconds, as /proc/net/tcp shows them; kind 2 is keep-alive."""
    for line in open('/proc/net/tcp').read().splitlines()[1:]:
        fields = line.split()
        if fields[2].endswith(f':{port:04X}') and fields[3] == '01':
            kind, when = fields[5].split(':')
            return int(kind), int(when, 16) / 100


kept, plain = Upstream(), Upstream()
options = {'upstream_connection_options': {'tcp_keepalive': {'keepalive_time': 300, 'keepalive_probes': 3, 'keepalive_interval': 5}}}
proxy = Proxy(config(cluster('kept', kept.port, **options), cluster('plain', plain.port), routes=[route('/plain', 'plain'), route('/', 'kept')]))
expect((get(proxy.port).status, get(proxy.port, '/plain').status), (200, 200))
wait_for('the timer of keep-alive', lambda: timer(kept.port)[0] == 2)
expect(250 < timer(kept.port)[1] <= 300, True, timer(kept.port))
wait_for('no timer', lambda: timer(plain.port)[0] == 0)
for field, most in (('keepalive_time', 32767), ('keepalive_probes', 127)):
    bad = {'upstream_connection_options': {'tcp_keepalive': {field: most + 1}}}
    code, _, text = validate(config(cluster('up', kept.port, **bad)))
    expect(code, 1)
    expect_in(f'tcp_keepalive.{field}: must be from 1 to {most}', text)
