# SPDX-License-Identifier: Apache-2.0
"""Many streams on one connection: bodies both ways under back-pressure, a limit, trailers, and readers that do not read."""
import threading

from harness import *

gate = threading.Event()


def respond(request, connection):
    if request.path == '/large':
        return answer(b'z' * 2000000)(request, connection)
    if request.path == '/wait':
        return answer(b'waited', gate=gate)(request, connection)
    if request.path == '/trailers':
        return chunked(b'part', trailers=[('x-sum', request.trailers[0][1] if request.trailers else 'none')])(request, connection)
    return echo(request, connection)


upstream = Upstream(respond)
TRAILERS = {'http_protocol_options': {'enable_trailers': True}}


def proxy_with(**manager):
    options = {'max_concurrent_streams': 100, 'initial_stream_window_size': 65535, 'initial_connection_window_size': 65535}
    return Proxy(config(cluster('up', upstream.port, **TRAILERS), **TRAILERS, http2_protocol_options=options, **manager), '--concurrency', '1')


proxy = proxy_with()

# One hundred uploads side by side, a frame of each in turn; the answers are the bodies again.
client = Http2Client(proxy.port, timeout=40)
client.wait(lambda: client.settings, 'SETTINGS')
expect(client.settings[h2.MAX_CONCURRENT_STREAMS], 100)
window, windows, sent_to = 65535, {}, {}
bodies = {client.open(f'/{number}', 'POST', end=False): bytes([65 + number % 26]) * (20000 + 500 * number) for number in range(100)}
left = dict(bodies)
seen = 0
while left:
    for frame in client.frames[seen:]:
        if frame.type == h2.WINDOW_UPDATE:
            if frame.stream == 0:
                window += frame.number()
            else:
                windows[frame.stream] = windows.get(frame.stream, 0) + frame.number()
    seen = len(client.frames)
    moved = False
    for stream in list(left):
        room = min(window, 65535 + windows.get(stream, 0) - sent_to.get(stream, 0), 1000, len(left[stream]))
        if room <= 0:
            continue
        piece, left[stream], moved = left[stream][:room], left[stream][room:], True
        window, sent_to[stream] = window - room, sent_to.get(stream, 0) + room
        client.send(h2.data(stream, piece, end=not left[stream]))
        if not left[stream]:
            del left[stream]
    if not moved:
        client.wait(lambda: len(client.frames) > seen, 'a window')
for stream, body in bodies.items():
    expect(client.response(stream).body == body, True, f'the answer on stream {stream}')
expect(proxy.stat('http2.streams_active'), 0)

# Over the limit: refused while the client cannot know it, the end of the connection when it does.
other = Http2Client(proxy.port)
waiting = [other.open('/wait') for _ in range(101)]
expect(other.wait_reset(waiting.pop()), h2.REFUSED_STREAM)
gate.set()
expect({other.response(stream).body for stream in waiting}, {b'waited'})
gate.clear()
for _ in range(101):
    other.open('/wait')
other.wait_end()
expect(other.goaways[-1][1], h2.PROTOCOL_ERROR)
proxy.wait_stat('http2.streams_active', 0)
gate.set()

# Trailers both ways.
stream = client.open('/trailers', 'POST', end=False)
client.send(h2.data(stream, b'body') + h2.headers(stream, [('x-sum', 'forty-two')], end=True))
expect((client.response(stream).body, client.exchange(stream).trailers), (b'part', [('x-sum', 'forty-two')]))

# A reader that takes nothing is bounded by the stream's idle timeout; the stream beside it is not held up.
proxy = proxy_with(stream_idle_timeout='1s')
slow = Http2Client(proxy.port, {h2.INITIAL_WINDOW_SIZE: 0}, greedy=False)
stuck = slow.open('/large')
quick = slow.open('/quick')
slow.wait(lambda: slow.exchange(quick).header_list, 'the head of the other')
slow.update(quick, 1000)
slow.update(0, 100000)
expect(slow.wait_over(quick).ended, True)
expect(slow.wait_reset(stuck), h2.INTERNAL_ERROR)
expect(slow.exchange(stuck).body, b'')
expect(proxy.stat('http.ingress.downstream_rq_idle_timeout') + proxy.stat('http2.tx_flush_timeout'), 1)
proxy.wait_stat('http2.streams_active', 0)
# One that takes a part now and then is slow, not gone, however long it takes in all.
part = slow.open('/large')
slow.wait(lambda: slow.exchange(part).header_list, 'the head')
while not slow.exchange(part).over:
    before = len(slow.exchange(part).body)
    slow.send(h2.window_update(part, 200000) + h2.window_update(0, 200000))
    slow.wait(lambda: len(slow.exchange(part).body) == before + 200000, 'what there is room for')
    threading.Event().wait(0.2)  # the pace of the reader
expect((len(slow.exchange(part).body), slow.exchange(part).ended), (2000000, True))
