# SPDX-License-Identifier: Apache-2.0
"""What is no handshake ends the connection and is counted: garbage, a part of a ClientHello, one that takes too long, a
renegotiation. Others are served meanwhile."""
import ssl
import time

from harness import *

authority = Authority()
proxy = Proxy(bootstrap([listener(filter_chains=[filter_chain(
    hcm(direct('/', 200, 'here')), tls=downstream_tls(authority.issue('a.example')), transport_socket_connect_timeout='1s')])], []))
errors = 'listener.127.0.0.1_0.ssl.connection_error'


def hello():
    """The bytes with which a client begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.wrap_bio(incoming, outgoing, server_hostname='a.example').do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


with Client(proxy.port) as client:  # not TLS at all
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    end, data = client.rest()
    expect(end, 'eof')
    expect_true(data == b'' or data[0] == 21, f'nothing but an alert: {data!r}')
proxy.wait_stat(errors, 1)

with Client(proxy.port) as client:  # a part, then FIN
    client.send(hello()[:100])
    client.finish()
    expect(client.rest(), ('eof', b''))

nonsense = bytearray(hello())
nonsense[9:11] = b'\x09\x09'  # a version that nobody has
with Client(proxy.port) as client:
    client.send(bytes(nonsense[:5]) + b'\xff' * (len(nonsense) - 5))
    expect_true(client.rest()[1][:1] in (b'', b'\x15'), 'an alert')
proxy.wait_stat(errors, 2)

start = time.monotonic()
slow = [Client(proxy.port) for _ in range(20)]
for number, client in enumerate(slow):
    client.send(hello()[:number * 10])
with TlsClient(proxy.port, authority) as client:
    expect(client.request('/').body, b'here')
for client in slow:
    expect(client.rest(), ('eof', b''))
expect_true(time.monotonic() - start > 0.8, 'they had their time')
proxy.wait_stat('listener.127.0.0.1_0.downstream_cx_transport_socket_connect_timeout', 20)
proxy.wait_stat('http.ingress.downstream_cx_ssl_active', 0)

text = s_client(proxy.port, '-tls1_2', send='R\n')
expect_in('RENEGOTIATING', text)
expect_in('no renegotiation', text)
expect(proxy.stat('http.ingress.downstream_rq_total'), 1)
with TlsClient(proxy.port, authority) as client:
    expect(client.request('/').body, b'here')
