# SPDX-License-Identifier: Apache-2.0
"""A connection that is looked into ends or goes on: silent ones after listener_filters_timeout, or with the chain that nothing
is known for; too large a ClientHello and a client that leaves are closed and counted. A drain waits for it and serves it."""
import ssl

from harness import *
from harness.config import EXTENSION

INSPECTOR = {'name': 'envoy.filters.listener.tls_inspector', 'typed_config': {
    '@type': EXTENSION + 'filters.listener.tls_inspector.v3.TlsInspector'}}
authority = Authority()


def site(timeout, proceed=False):
    return bootstrap([listener(
        listener_filters=[INSPECTOR], listener_filters_timeout=timeout, continue_on_listener_filters_timeout=proceed,
        filter_chains=[filter_chain(hcm(direct('/', 200, 'plain')), {'transport_protocol': 'raw_buffer'}),
                       filter_chain(hcm(direct('/', 200, 'tls')), {'transport_protocol': 'tls'},
                                    downstream_tls(authority.issue('a.example')))])], [])


def large_hello(size):
    """A ClientHello with a body of `size`, in records of 4096 bytes."""
    body = b'\x01' + size.to_bytes(3, 'big') + b'\x03\x03' + bytes(32) + b'\0' + b'\0\x02\x13\x01' + b'\x01\0'
    body += (size - len(body) + 2).to_bytes(2, 'big') + b'\0' * size
    body = body[:size + 4]
    return b''.join(b'\x16\x03\x01' + len(part).to_bytes(2, 'big') + part
                    for part in (body[start:start + 4096] for start in range(0, len(body), 4096)))


name = 'listener.127.0.0.1_0.'
proxy = Proxy(site('1s'))
with Client(proxy.port) as silent, Client(proxy.port) as partial:
    partial.send(large_hello(500)[:100])
    proxy.wait_stat(name + 'downstream_pre_cx_active', 2)
    with TlsClient(proxy.port, authority) as client:
        expect(client.request('/').body, b'tls')
    expect(silent.rest()[1], b'')
    expect(partial.rest()[1], b'')
proxy.wait_stat(name + 'downstream_pre_cx_timeout', 2)
with Client(proxy.port) as client:
    try:
        client.send(large_hello(20000))
        expect(client.rest()[1], b'')
    except ConnectionError:
        pass
proxy.wait_stat('tls_inspector.client_hello_too_large', 1)
with Client(proxy.port) as client:
    client.send(large_hello(500)[:3])
    client.finish()
    expect(client.rest(), ('eof', b''))
proxy.wait_stat(name + 'downstream_listener_filter_remote_close', 1)
expect(proxy.stat(name + 'downstream_pre_cx_active'), 0)

proxy = Proxy(site('0.5s', proceed=True))
with Client(proxy.port) as client:
    proxy.wait_stat(name + 'downstream_pre_cx_timeout', 1)
    expect(client.request('/').body, b'plain')

supervisor = Supervisor(site('0s'))  # no timeout
with Client(supervisor.port) as plain, Client(supervisor.port) as secret:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.path)
    session = context.wrap_bio(incoming, outgoing, server_hostname='a.example')

    def step(call):
        """Until the call has what it needs from the server."""
        while True:
            try:
                done = call()
                secret.send(outgoing.read())
                return done
            except ssl.SSLWantReadError:
                secret.send(outgoing.read())
                secret.fill()
                incoming.write(secret.input)
                secret.input = b''

    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        first = outgoing.read()
    secret.send(first[:50])
    supervisor.wait_stat(name + 'downstream_pre_cx_active', 2)
    supervisor.reload()
    expect(supervisor.epoch(), 1)
    wait_for('the old generation tells of both', lambda: [one['active_connections'] for one in supervisor.generations()
                                                          if one['state'] == 'draining'] == [2])
    secret.send(first[50:])
    step(session.do_handshake)
    session.write(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    expect_in(b'tls', step(lambda: session.read(65536)))
    while (response := plain.request('/')).headers.get('connection') != 'close':  # by and by
        expect(response.body, b'plain')
wait_for('the old generation has ended', lambda: len(supervisor.generations()) == 1 or
         all(one['state'] in ('live', 'exited') for one in supervisor.generations()), 15)
