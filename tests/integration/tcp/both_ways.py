# SPDX-License-Identifier: Apache-2.0
"""Bytes go both ways, whoever speaks first; a FIN on one side leaves the other direction open."""
from harness import *

upstream = RawUpstream(capitals(b'220 ready\n', last=b'221 bye\n'))
proxy = Proxy(tcp_config(cluster('up', upstream.port)))
with Client(proxy.port) as client:
    expect(client.take(10), b'220 ready\n')
    client.send(b'hello')
    expect(client.take(5), b'HELLO')
    client.send(b'last')
    client.finish()
    expect(client.rest(), ('eof', b'LAST221 bye\n'))

# The same behind a PROXY header, which is written by a transport socket without TLS.
header = {'name': 'envoy.transport_sockets.upstream_proxy_protocol', 'typed_config': {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
    'config': {'version': 'V1'}, 'transport_socket': {'name': 'envoy.transport_sockets.raw_buffer', 'typed_config': {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'}}}}
with Client(Proxy(tcp_config(cluster('up', upstream.port, transport_socket=header))).port) as client:
    client.send(b'last')
    client.finish()
    end, text = client.rest()
    expect((end, text[:20], text[-12:]), ('eof', b'220 ready\nPROXY TCP4', b'LAST221 bye\n'))


def banner_and_fin(connection):
    connection.send(b'read only\n')
    connection.socket.shutdown(1)
    try:
        while True:
            connection.fill()
    except Gone:
        heard.append(connection.input)


heard = []
reader = RawUpstream(banner_and_fin)
other = Proxy(tcp_config(cluster('up', reader.port)))
with Client(other.port) as client:
    expect(client.rest(), ('eof', b'read only\n'))
    client.send(b'one ')
    client.send(b'two')
wait_for('the endpoint has heard all', lambda: heard == [b'one two'])
other.wait_stat('tcp.tcp.downstream_cx_total', 1)
for one in (proxy, other):
    one.wait_stat('server.total_connections', lambda count: count <= 1)  # the admin's own
    one.wait_stat('cluster.up.upstream_cx_active', 0)
expect(proxy.stat('tcp.tcp.downstream_cx_rx_bytes_total'), 9)
expect(proxy.stat('tcp.tcp.downstream_cx_tx_bytes_total'), 27)
expect(proxy.stat('cluster.up.upstream_cx_rx_bytes_total'), 27)
