# SPDX-License-Identifier: Apache-2.0
"""upstream_proxy_protocol: the upstream learns the client's address; connections are not shared between clients."""
from harness import *


def with_header(version, inner):
    return {'name': 'envoy.transport_sockets.upstream_proxy_protocol', 'typed_config': {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport',
        'config': {'version': version}, 'transport_socket': inner}}


RAW = {'name': 'envoy.transport_sockets.raw_buffer',
       'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'}}
FORMAT = '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port $server_protocol'
authority = Authority()
certificate = authority.issue('a.test')
TLS = upstream_tls(authority, 'a.test')
HELLO = "location / { return 200 'hello\\n'; }"
for version, protocol, listen, inner in (
        ('V1', 'http1', '', RAW), ('V2', 'http1', '', RAW), ('V1', 'http2', 'http2', RAW), ('V2', 'http2', 'http2', RAW),
        ('V1', 'http1', 'ssl', TLS), ('V2', 'http2', 'ssl http2', TLS), ('V2', 'alpn', 'ssl http2', TLS)):
    server = (Nginx.tls(certificate) if 'ssl' in listen else '') + HELLO
    upstream = Nginx(server, listen='proxy_protocol ' + listen, format=FORMAT)
    proxy = Proxy(config(cluster('up', upstream.port, transport_socket=with_header(version, inner), **speaks(protocol))), '--concurrency', '1')
    with Client(proxy.port) as one, Client(proxy.port) as two:
        ports = [client.socket.getsockname()[1] for client in (one, two)]
        for client in (one, two, one, two):
            expect(client.request('/').body, b'hello\n')
    spoken = 'HTTP/2.0' if 'http2' in listen else 'HTTP/1.1'
    expect(upstream.wait_requests(4), [f'127.0.0.1 {port} {proxy.port} {spoken}' for port in ports * 2])
    expect(proxy.stat('cluster.up.upstream_cx_total'), 2, 'each client has a connection of its own')
