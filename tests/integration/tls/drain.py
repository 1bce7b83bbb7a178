# SPDX-License-Identifier: Apache-2.0
"""TLS connections drain as plain ones: an idle one is left alone, its next answer says close and close_notify follows; by
HTTP/2 a GOAWAY comes at once. At the end what asks nothing gets close_notify and FIN."""
import struct

from harness import *

authority = Authority()
upstream = Upstream(answer(b'hello'))
chain = filter_chain(hcm(drain_timeout='0.3s'), tls=downstream_tls(authority.issue('a.example'), alpn_protocols=['h2', 'http/1.1']))
supervisor = Supervisor(bootstrap([listener(filter_chains=[chain])], [cluster('up', upstream.port)]), '--drain-time-s', '1',
                        flags=('--stop-drain-time-s', '1'))
SETTINGS, GOAWAY = 4, 7


def frames(client, until):
    """Types of the frames up to one of type `until`."""
    seen = []
    while not seen or seen[-1] != until:
        length, kind = struct.unpack('!IB', b'\0' + client.take(9)[:4])
        client.take(length)
        seen.append(kind)
    return seen


with TlsClient(supervisor.port, authority) as idle, TlsClient(supervisor.port, authority, alpn=['h2']) as h2:
    expect(idle.request('/').body, b'hello')
    h2.send(b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + b'\0\0\0\4\0\0\0\0\0')
    frames(h2, SETTINGS)
    supervisor.reload()
    frames(h2, GOAWAY)
    expect(idle.is_open(), True)
    wait_for('the drain has gone on', lambda: supervisor.epoch() == 1)
    with TlsClient(supervisor.port, authority) as other:  # of the new generation
        expect(other.request('/').headers.get('connection'), None)
    response = idle.request('/')
    while response.headers.get('connection') != 'close':  # by and by
        response = idle.request('/')
    expect(response.body, b'hello')
    expect(idle.rest(), ('eof', b''))  # with ragged ends not suppressed: close_notify was there
    while h2.fill():
        pass
wait_for('the old generation has ended', lambda: [one['epoch'] for one in supervisor.generations()
                                                  if one['state'] in ('live', 'draining')] == [1], 15)

with TlsClient(supervisor.port, authority) as idle, TlsClient(supervisor.port, authority) as never:
    idle.request('/')
    code, _, err = supervisor.ctl('stop')
    expect(code, 0, err)
    expect(idle.rest(), ('eof', b''))
    expect(never.rest(), ('eof', b''))
