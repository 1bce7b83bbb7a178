# SPDX-License-Identifier: Apache-2.0
"""A client that sends frames for nothing is told so and closed, counted by what it did; the service goes on."""
from harness import *

upstream = Upstream(answer(b'hello\n'))
proxy = Proxy({**config(cluster('up', upstream.port)), 'layered_runtime': {'layers': [{'name': 'admin', 'admin_layer': {}}]}}, '--concurrency', '1')


def ends_by(what, stat, flood, code=h2.ENHANCE_YOUR_CALM, read=True):
    """flood(client) sends until the server has had enough. read=False: there may be no room to tell why."""
    before = proxy.stat(stat)
    with Http2Client(proxy.port) as client:
        try:
            flood(client)
        except (ConnectionResetError, BrokenPipeError):
            client.end = 'reset'  # the rest of what we sent came after the end
        else:
            client.wait_end()
            if read or client.goaways:
                expect([one[1] for one in client.goaways], [code], f'{what}: GOAWAY')
        expect(proxy.wait_stat(stat, lambda value: value > before), before + 1, what)
        proxy.wait_stat('http.ingress.downstream_cx_active', 0)
    expect((proxy.stat('http.ingress.downstream_rq_active'), proxy.stat('http2.streams_active')), (0, 0), what)
    with Http2Client(proxy.port) as client:
        expect(client.request().body, b'hello\n', f'after {what}')
    proxy.wait_stat('http.ingress.downstream_cx_active', 0)


def without_end(frames):
    def flood(client):
        for _ in range(100000):
            client.send(frames)
    return flood


def empty_data(client):
    stream = client.open(method='POST', end=False)
    client.send(h2.data(stream) + h2.data(stream))


def rapid_reset(client):
    for _ in range(1000):
        stream = client.reserve()
        client.send(h2.headers(stream, client.fields(), end=True) + h2.reset(stream))


def made_you_reset(client):
    """Each stream is broken by a frame, so that the server resets it."""
    for _ in range(1000):
        stream = client.reserve()
        client.send(h2.headers(stream, client.fields(path='/never'), end=True) + h2.window_update(stream, h2.EVERY_STREAM))


def endless_head(client):
    client.send(h2.frame(h2.HEADERS, 0, client.reserve(), hpack.encode(client.fields())))
    piece = h2.frame(h2.CONTINUATION, 0, 1, hpack.encode([('x', 'y' * 1000)]))
    while client.try_send(piece):
        pass


ends_by('PING, answers not read', 'http2.outbound_control_flood', without_end(h2.ping() * 100), read=False)
ends_by('SETTINGS, answers not read', 'http2.outbound_control_flood', without_end(h2.settings() * 100), read=False)
ends_by('empty DATA', 'http2.inbound_empty_frames_flood', empty_data)
ends_by('WINDOW_UPDATE', 'http2.inbound_window_update_frames_flood', lambda client: client.send(h2.window_update(0, 1) * 10))
ends_by('PRIORITY', 'http2.inbound_priority_frames_flood', lambda client: client.send(h2.priority(1) * 101))
ends_by('rapid reset', 'http.ingress.downstream_rq_too_many_premature_resets', rapid_reset)
ends_by('resets that it provokes', 'http.ingress.downstream_rq_too_many_premature_resets', made_you_reset)
ends_by('CONTINUATION', 'http.ingress.downstream_cx_protocol_error', endless_head, h2.PROTOCOL_ERROR)
ends_by('a window beyond 2^31', 'http.ingress.downstream_cx_protocol_error', code=h2.FLOW_CONTROL_ERROR,
        flood=lambda client: client.send(h2.window_update(0, h2.EVERY_STREAM) * 2))

# The runtime decides how many are too many.
expect(proxy.admin('/runtime_modify?overload.premature_reset_total_stream_count=0', 'POST').status, 200)
with Http2Client(proxy.port) as client:
    rapid_reset(client)
    expect(client.request().body, b'hello\n')
