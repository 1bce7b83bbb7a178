# SPDX-License-Identifier: Apache-2.0
"""A request counts (max_requests, upstream_rq_active) until it is over for its client, whatever an HTTP/2 upstream leaves undone of its stream."""
import socket
import threading

from harness import *
from harness.http2_peer import DATA, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS

LIMIT = {'circuit_breakers': {'thresholds': [{'max_requests': 2}]}}
BODY = b'x' * 200_000  # the proxy takes all of it, whatever can be sent
WHOLE = threading.Semaphore(0)  # bodies that it has
TO_END, ENDED = threading.Event(), threading.Event()


def start(script, settings=None, common=None, routes=(), **fields):
    upstream = Http2Peer(script, settings)
    upstream.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    up = cluster('up', upstream.port, **fields, **LIMIT, **speaks('http2', common))
    return upstream, Proxy(config(up, routes=routes), '--concurrency', '1')


def takes_nothing(peer):
    """Opens its windows and then reads no more; in the end it says GOAWAY."""
    peer.window(0, 0x7ffe0000)
    peer.read_frame()
    TO_END.wait(60)
    peer.goaway(last=0x7fffffff)
    ENDED.wait(60)


# Given up while nothing can be sent, not even RST_STREAM: by a timeout, by the client.
upstream, proxy = start(takes_nothing, {INITIAL_WINDOW_SIZE: 0x7fffffff}, None,
                        [route('/slow', timeout='0s'), route(timeout='0.1s')], per_connection_buffer_limit_bytes=32768)
upload = Http2Client(proxy.port)
upload.ping()  # the windows are as the proxy has them
slow = upload.open('/slow', 'POST', end=False)
for _ in range(900):  # within the window of the stream
    upload.send(h2.data(slow, b'x' * 16384))
proxy.wait_stat('cluster.up.upstream_flow_control_backed_up_total', lambda value: value > 0)


def three_stay():
    expect(get(proxy.port).status, 504)
    return proxy.stat('cluster.up.http2.streams_active') >= 4


wait_for('three that were given up and cannot be told to the upstream', three_stay)
proxy.wait_stat('cluster.up.upstream_rq_active', 1)
with Client(proxy.port) as leaving:
    leaving.send('POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n')
    proxy.wait_stat('cluster.up.upstream_rq_active', 2)
    expect(get(proxy.port).status, 503, 'a third')
proxy.wait_stat('cluster.up.upstream_rq_active', 1)
expect(proxy.stat('cluster.up.http2.streams_active') >= 5, True, 'it still takes nothing')
# Nor does it keep a connection that ends.
TO_END.set()
proxy.wait_stat('cluster.up.upstream_cx_close_notify', 1)
upload.send(h2.reset(slow))
proxy.wait_stat('cluster.up.upstream_rq_active', 0)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)
expect(proxy.stat('cluster.up.http2.streams_active'), 0)
ENDED.set()


def answers_at_once(peer, count):
    """Answers the first `count` requests before their bodies are sent; neither takes the body nor says that it will not."""
    while count > 0:
        kind, _, stream, _ = peer.read_frame()
        if kind == HEADERS:
            WHOLE.acquire(timeout=60)
            peer.answer(stream)
            count -= 1
    return stream


def post(proxy):
    with Http2Client(proxy.port) as client:
        client.ping()
        stream = client.open('/', 'POST', end=False)
        for at in range(0, len(BODY), 10_000):
            client.send(h2.data(stream, BODY[at:at + 10_000], at + 10_000 == len(BODY)))
        client.ping()  # the proxy has it all
        WHOLE.release()
        return client.response(stream).status


def takes_the_body_later(peer):
    answers_at_once(peer, 4)
    peer.answer(peer.next_request())
    for stream in 1, 3, 5, 7:
        peer.window(stream, len(BODY))
    peer.window(0, 4 * len(BODY))
    peer.until_closed()


# Answered before the body could be sent: it is sent when there is room, the others do not wait for it.
upstream, proxy = start(takes_the_body_later, {INITIAL_WINDOW_SIZE: 0})
for _ in range(4):
    expect(post(proxy), 200)
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
expect(proxy.stat('cluster.up.http2.streams_active'), 4)
expect(get(proxy.port).status, 200)
proxy.wait_stat('cluster.up.http2.streams_active', 0)


def whole():
    seen = upstream.connections[0].seen
    return [(sum(len(payload) for kind, _, of, payload in seen if kind == DATA and of == stream),
             sum(kind == DATA and of == stream and flags & END_STREAM for kind, flags, of, _ in seen)) for stream in (1, 3, 5, 7)]


wait_for('each body whole', lambda: whole() == [(len(BODY), 1)] * 4)
expect(proxy.stat('cluster.up.upstream_cx_total'), 1)


# The room that it takes is its stream's.
def allows_one(peer):
    answers_at_once(peer, 1)
    peer.until_closed()


upstream, proxy = start([allows_one, lambda peer: peer.answer(peer.next_request())],
                        {INITIAL_WINDOW_SIZE: 0, MAX_CONCURRENT_STREAMS: 1})
expect((post(proxy), get(proxy.port).status, len(upstream.connections)), (200, 200, 2))


# It keeps no connection: not one that ends, not one that has been idle for long.
def says_goaway(peer):
    peer.goaway(last=answers_at_once(peer, 1))
    peer.until_closed()


_, proxy = start(says_goaway, {INITIAL_WINDOW_SIZE: 0})
expect(post(proxy), 200)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)
_, proxy = start(allows_one, {INITIAL_WINDOW_SIZE: 0}, {'idle_timeout': '0.2s'})
expect(post(proxy), 200)
proxy.wait_stat('cluster.up.upstream_cx_idle_timeout', 1)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)
