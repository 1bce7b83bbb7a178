# SPDX-License-Identifier: Apache-2.0
"""What the proxy answers itself, a gRPC client gets as its status."""
import socket

from harness import *
from harness.grpc_peer import *

server = GrpcServer()
gone = socket.create_server(('127.0.0.1', 0))
gone_port = gone.getsockname()[1]
gone.close()
prefix = '/test.Echo/'
proxy = Proxy(config(
    cluster('up', server.port, **speaks('http2')), cluster('down', gone_port, **speaks('http2')), cluster('none', **speaks('http2')),
    cluster('narrow', server.port, **speaks('http2'), circuit_breakers={'thresholds': [{'max_requests': 0}]}),
    routes=[route(prefix + 'Unary', 'down'), route(prefix + 'Collect', 'none'), direct(prefix + 'Unknown', 403, 'not for you: 5 % of all'),
            route(prefix + 'Hang', 'narrow'), direct(prefix + 'Chat', 429, 'slowly'), direct('/bad', 400), direct('/login', 401),
            direct('/odd', 500, 'odd')]))
with call(proxy.port) as stub:
    status, text = failure(stub.unary, b'')
    expect(status, 'UNAVAILABLE')
    expect_in('upstream connect error or disconnect/reset before headers', text)
    expect(failure(stub.collect, iter([])), ('UNAVAILABLE', 'no healthy upstream'))
    expect(failure(stub.unknown, b''), ('PERMISSION_DENIED', 'not for you: 5 % of all'))
    expect(failure(stub.count, b'1')[0], 'UNIMPLEMENTED', 'no route')
    expect(failure(stub.chat, iter([]))[0], 'UNAVAILABLE', '429')
    expect(failure(stub.hang, b'')[0], 'UNAVAILABLE', 'over a circuit breaker')
    for path, status in (('/bad', 'INTERNAL'), ('/login', 'UNAUTHENTICATED'), ('/odd', 'UNKNOWN')):
        expect(failure(stub.channel.unary_unary(path), b'')[0], status, path)
# Not only over HTTP/2.
response = get(proxy.port, '/odd', {'content-type': 'application/grpc'})
expect((response.status, response.headers['grpc-status'], response.headers['grpc-message'], response.headers['content-type'], response.body),
       (200, '2', 'odd', 'application/grpc', b''))
