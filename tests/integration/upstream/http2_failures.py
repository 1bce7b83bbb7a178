# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 upstream that resets, refuses, says GOAWAY or dies: what was surely not treated goes out once more, the rest is 503."""
from harness import *
from harness.http2_peer import (CANCEL, DATA, ENHANCE_YOUR_CALM, HEADERS, INITIAL_WINDOW_SIZE, INTERNAL_ERROR, NO_ERROR,
                                REFUSED_STREAM, serve)


def after_request(*actions):
    """A script: does that for each request."""
    def script(peer):
        while True:
            stream = peer.next_request()
            for action in actions:
                action(peer, stream)
    return script


def once(*actions):
    def script(peer):
        stream = peer.next_request()
        for action in actions:
            action(peer, stream)
        peer.until_closed()
    return script


def reset_stream(error):
    return lambda peer, stream: peer.reset_stream(stream, error)


def refuses_the_first(peer):
    peer.reset_stream(peer.next_request(), REFUSED_STREAM)
    serve(peer)


def half_answer(peer, stream):
    peer.headers(stream, ('content-length', '100'))
    peer.data(stream, b'half')


def die(peer, stream):
    peer.reset()


def goaway(last):
    return lambda peer, stream: peer.goaway(last)


def run(script, method='GET', body=b'', status=200, flags='-', starts='', retries=0, details=None, settings={}, limit=None):
    """One request to an upstream that plays this script (and the next, when it is a list); the proxy, to look at its stats."""
    upstream = Http2Peer(script, settings)
    log = f'{TMP}/access-{upstream.port}'
    line = access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')
    made = config(cluster('up', upstream.port, **speaks('http2')), access_log=[line])
    if limit:
        made['static_resources']['listeners'][0]['per_connection_buffer_limit_bytes'] = limit
    proxy = Proxy(made, '--concurrency', '1', '--file-flush-interval-msec', '20')
    with Client(proxy.port) as client:
        response = client.request('/', method, body=body)
        expect((response.status, response.body[:len(starts)].decode()), (status, starts), f'{script}')
    wait_for('the line', lambda: open(log).read().endswith('\n'))
    seen = open(log).read().split()
    expect(seen[:2], [str(status), flags])
    if details:
        expect(seen[2], details)
    stats = proxy.stats()
    expect(stats['cluster.up.upstream_rq_retry'], retries)
    expect(stats['cluster.up.upstream_rq_retry_success'], retries if status == 200 else 0)
    for gauge in ('upstream_rq_active', 'upstream_rq_pending_active', 'http2.streams_active'):
        expect(stats[f'cluster.up.{gauge}'], 0, gauge)
    expect(upstream.errors, [])
    return proxy, upstream


ERROR = 'upstream connect error or disconnect/reset before headers. '

proxy, _ = run(after_request(reset_stream(CANCEL)), status=503, flags='UR', starts=ERROR + 'reset reason: remote reset',
               details='upstream_reset_before_response_started{remote_reset}')
expect(proxy.stat('cluster.up.http2.rx_reset'), 1)
expect(proxy.stat('cluster.up.upstream_rq_rx_reset'), 1)
run(after_request(reset_stream(INTERNAL_ERROR)), status=503, flags='UR', starts=ERROR)

# Refused: surely not treated, so it goes out once more, whatever the method.
for method, body in (('GET', b''), ('POST', b'data')):
    proxy, upstream = run(refuses_the_first, method, body, retries=1)
    expect(proxy.stat('cluster.up.http2.stream_refused_errors'), 1)
run(after_request(reset_stream(REFUSED_STREAM)), status=503, flags='UR', retries=1,
    starts=ERROR + 'retried and the latest reset reason: remote refused stream reset')

# GOAWAY that does not count the request in: to the next connection.
for method, body in (('GET', b''), ('POST', b'data')):
    proxy, upstream = run([once(goaway(0)), serve], method, body, retries=1)
    expect(len(upstream.connections), 2)
    proxy.wait_stat('cluster.up.upstream_cx_active', 1)
    expect(proxy.stat('cluster.up.upstream_cx_close_notify'), 1)

# So with a body that is still within the buffer limit of the listener, also in the middle of it.
def crosses_goaway(peer):
    peer.wait(DATA)
    peer.goaway(0)
    peer.until_closed()


def takes_all(peer):
    _, stream, _ = peer.wait(HEADERS)
    peer.window(0, 8 << 20)
    peer.window(stream, 8 << 20)
    serve(peer)


body = bytes(range(256)) * 3000
for wide in (65535, 8 << 20):
    _, upstream = run([crosses_goaway, takes_all], 'POST', body, retries=1, settings={INITIAL_WINDOW_SIZE: wide})
    pieces = [payload for kind, _, _, payload in upstream.connections[1].seen if kind == DATA]
    expect_true(b''.join(pieces) == body, f'{sum(map(len, pieces))} bytes of {len(body)}')
    run([crosses_goaway, takes_all], 'POST', body, status=503, flags='UR', limit=100_000, settings={INITIAL_WINDOW_SIZE: wide})

# One for an error: repeated like a refusal, not again and again.
for code, retries in ((NO_ERROR, 10), (ENHANCE_YOUR_CALM, 1)):
    _, upstream = run(once(lambda peer, stream: peer.goaway(0, code)), status=503, flags='UR', retries=retries,
                      starts=ERROR + 'retried and the latest reset reason: remote refused stream reset')
    expect(len(upstream.connections), 1 + retries)

# GOAWAY that counts it in: its answer is waited for.
proxy, upstream = run([once(goaway(1), lambda peer, stream: peer.answer(stream)), serve], starts='hello')
expect(get(proxy.port).status, 200)
expect(len(upstream.connections), 2)
run([once(goaway(2**31 - 1), goaway(1), lambda peer, stream: peer.answer(stream)), serve], starts='hello')

# The connection dies under the request.
run(once(die), status=503, flags='UC', starts=ERROR + 'reset reason: connection termination')
run(once(goaway(1), die), status=503, flags='UC', starts=ERROR + 'reset reason: connection termination')
