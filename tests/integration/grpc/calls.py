# SPDX-License-Identifier: Apache-2.0
"""gRPC through the proxy, HTTP/2 on both sides: the four kinds of call, metadata, status and large messages."""
import threading

from harness import *
from harness.grpc_peer import *

server = GrpcServer()
log = f'{TMP}/access.log'
proxy = Proxy(config(cluster('up', server.port, **speaks('http2')), access_log=[access_log(log, '%REQ(:PATH)% %RESPONSE_CODE% %GRPC_STATUS% '
              '%RESPONSE_FLAGS%\n')]), '--file-flush-interval-msec', '50')
with call(proxy.port) as stub:
    answer, done = stub.unary.with_call(b'hello', metadata=(('x-sent', 'word'),))
    expect((answer, done.code(), dict(done.initial_metadata())['x-front'], dict(done.trailing_metadata())['x-behind']),
           (b'hello', grpc.StatusCode.OK, 'word', 'word'))
    expect(stub.unary(b''), b'')
    large = bytes(range(256)) * 12000  # 3 MB
    expect(stub.unary(large) == large, True, 'a large message')
    expect(stub.collect(iter([b'a', b'b', b'c' * 100000])), b'ab' + b'c' * 100000)
    expect(list(stub.count(b'1000')), [b'%d' % number for number in range(1000)])
    # Said and answered in turn: nothing waits for the end of the other side.
    turn, words = threading.Semaphore(0), iter([b'one', b'two', b'three'])

    def speak():
        for word in words:
            turn.acquire()
            yield word
    conversation = stub.chat(speak())
    for word in (b'ONE', b'TWO', b'THREE'):
        turn.release()
        expect(next(conversation), word)
    expect(list(conversation), [])
    expect(conversation.code(), grpc.StatusCode.OK)

    expect(failure(stub.unary, b'fail:NOT_FOUND:no such thing: \xc3\xa4'), ('NOT_FOUND', 'no such thing: ä'))
    expect(failure(stub.count, b'fail:ABORTED:in mid-stream'), ('ABORTED', 'in mid-stream'))
    expect(failure(stub.unknown, b'')[0], 'UNIMPLEMENTED')
    with call(proxy.port) as other:
        pending = [stub.unary.future(b'%d' % number) for number in range(200)] + [other.unary.future(b'x') for _ in range(50)]
        expect([one.result(20) for one in pending], [b'%d' % number for number in range(200)] + [b'x'] * 50, 'many at a time')
wait_for('all lines', lambda: len(open(log).read().splitlines()) == 259)
lines = open(log).read().splitlines()
expect(sorted(set(lines)), ['/test.Echo/Chat 200 OK -', '/test.Echo/Collect 200 OK -', '/test.Echo/Count 200 Aborted -', '/test.Echo/Count 200 OK -',
                            '/test.Echo/Unary 200 NotFound -', '/test.Echo/Unary 200 OK -', '/test.Echo/Unknown 200 Unimplemented -'])
expect((proxy.stat('http.ingress.downstream_rq_2xx'), proxy.stat('cluster.up.upstream_rq_2xx')), (259, 259))
proxy.wait_stat('http2.streams_active', 0)
expect(proxy.stat('cluster.up.upstream_cx_http2_total') <= 2, True, 'one connection for each worker')
