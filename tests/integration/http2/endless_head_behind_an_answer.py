# SPDX-License-Identifier: Apache-2.0
"""A head that begins before another request is answered, and does not end, ends by its timeout too, over both versions."""
import threading

from harness import *

gate = threading.Event()


def late(request, connection):
    gate.wait(20)
    answer(b'hello\n')(request, connection)


proxy = Proxy(config(cluster('up', Upstream(late).port), request_headers_timeout='0.2s'), '--concurrency', '1')


def expect_one(what):
    expect(proxy.stat('http.ingress.downstream_rq_header_timeout'), 1 if what == 'HTTP/2' else 2, what)
    proxy.wait_stat('http.ingress.downstream_cx_active', 0)
    expect(proxy.stat('http.ingress.downstream_rq_active'), 0)


with Http2Client(proxy.port) as client:
    client.ping()  # nothing may come between the pieces of a block, not even the answer to SETTINGS
    stream = client.open()
    client.send(h2.frame(h2.HEADERS, h2.END_STREAM, client.reserve(), hpack.encode(client.fields())))
    proxy.wait_stat('http2.streams_active', 2)
    gate.set()
    expect(client.response(stream).body, b'hello\n')
    expect(client.wait_end(), 'eof')
    expect(client.goaways, [(3, h2.NO_ERROR)])
expect_one('HTTP/2')

gate.clear()
with Client(proxy.port) as client:
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTT')
    proxy.wait_stat('http.ingress.downstream_rq_active', 1)
    gate.set()
    expect(client.response().body, b'hello\n')
    end, rest = client.rest()
    expect((end, rest.split(b'\r\n')[0]), ('eof', b'HTTP/1.1 408 Request Timeout'))
expect_one('HTTP/1.1')
