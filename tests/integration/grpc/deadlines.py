# SPDX-License-Identifier: Apache-2.0
"""Who bounds a call: the client's deadline, the route by max_grpc_timeout, the stream by its duration; the server hears of each."""
import threading

from harness import *
from harness.grpc_peer import *

server = GrpcServer()


def proxy_with(**fields):
    return Proxy(config(cluster('up', server.port, **speaks('http2')), routes=[route(**fields)]), '--concurrency', '1')


def hangs(stub, **how):
    server.cancelled.clear()
    seen = failure(stub.hang, b'', **how)
    expect(server.cancelled.wait(10), True, 'the server was told')
    return seen


proxy = proxy_with(timeout='0s')
with call(proxy.port) as stub:
    expect(hangs(stub, timeout=1.5)[0], 'DEADLINE_EXCEEDED', "the client's own")
    expect(0 < server.seen[-1][1] <= 1.5, True, 'the deadline goes on to the server')
    # Given up without a deadline.
    server.cancelled.clear()
    hanging = stub.hang(b'')
    expect(next(hanging), b'begun')
    before = [proxy.stat('http.ingress.downstream_rq_rx_reset'), proxy.stat('cluster.up.upstream_rq_tx_reset')]
    hanging.cancel()
    expect(server.cancelled.wait(10), True, 'the server was told')
    proxy.wait_stat('http.ingress.downstream_rq_rx_reset', lambda value: value > before[0])
    proxy.wait_stat('cluster.up.upstream_rq_tx_reset', lambda value: value > before[1])
proxy.end()

# max_grpc_timeout is the route's timeout: before an answer 504, which is UNAVAILABLE; within one the stream is reset.
proxy = proxy_with(max_grpc_timeout='20s')
with call(proxy.port) as stub:
    expect(stub.unary(b'quick', timeout=60), b'quick')
    expect(19 < server.seen[-1][1] <= 20, True, 'grpc-timeout says what there is')
    expect(server.seen[-1][0]['x-envoy-expected-rq-timeout-ms'], '20000')
proxy.end()
silent_upstream = Upstream(silent)
half = Upstream(chunked(b'half', b'never', gate=threading.Event()))
proxy = Proxy(config(cluster('up', silent_upstream.port), cluster('half', half.port), routes=[
    route('/half', 'half', max_grpc_timeout='0.2s'), route(max_grpc_timeout='0.2s')]))
with call(proxy.port) as stub:
    expect(failure(stub.unary, b''), ('UNAVAILABLE', 'upstream request timeout'))
    expect(proxy.stat('cluster.up.upstream_rq_504'), 1)
with Http2Client(proxy.port) as client:
    stream = client.open('/half', 'POST', [('content-type', 'application/grpc'), ('grpc-timeout', '9S')])
    expect(client.wait_reset(stream), h2.INTERNAL_ERROR)
    expect((client.exchange(stream).status, client.exchange(stream).body), (200, b'half'))
    expect(half.requests[0].headers['grpc-timeout'], '200m')
expect((proxy.stat('cluster.half.upstream_rq_timeout'), proxy.stat('http.ingress.downstream_rq_max_duration_reached')), (1, 0))
proxy.end()

# A stream's duration: DEADLINE_EXCEEDED, also by the client's own grpc-timeout up to a maximum.
proxy = Proxy(config(cluster('up', silent_upstream.port), routes=[
    route('/test.Echo/Unary', max_stream_duration={'grpc_timeout_header_max': '0.2s'}),
    route(max_stream_duration={'max_stream_duration': '0.2s'})]))
with call(proxy.port) as stub:
    expect(failure(stub.unary, b''), ('DEADLINE_EXCEEDED', 'downstream duration timeout'))
    expect(failure(stub.collect, iter([b''])), ('DEADLINE_EXCEEDED', 'downstream duration timeout'))
    expect(proxy.stat('http.ingress.downstream_rq_max_duration_reached'), 2)
