# SPDX-License-Identifier: Apache-2.0
"""A reload takes nothing from HTTP/2 clients: each is told at once, what is open is finished, and what begins after the first
GOAWAY is still answered by the old generation."""
# timeout: 120
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(lambda request, connection: answer(request.body or b'hello\n', gate=gate if request.path == '/wait' else None)(request, connection))
supervisor = Supervisor(config(cluster('up', upstream.port), routes=[route(timeout='0s')], drain_timeout='1s'), '--drain-time-s', '2',
                        '--parent-shutdown-time-s', '60')
for round_number in range(3):
    gate.clear()
    idle = [Http2Client(supervisor.port) for _ in range(4)]
    busy = [Http2Client(supervisor.port) for _ in range(4)]
    for client in idle + busy:
        expect(client.request().status, 200)
    waiting = {client: [client.open('/wait') for _ in range(5)] for client in busy}
    uploads = {client: client.open('/upload', 'POST', end=False) for client in busy}
    wait_for('all are upstream', lambda: len([one for one in upstream.requests if one.path == '/wait']) == 20 * (round_number + 1))
    epoch = supervisor.live()['epoch']
    supervisor.reload()
    expect(supervisor.live()['epoch'], epoch + 1)
    for client in idle + busy:
        client.wait(lambda: client.goaways, 'the notice')
        expect(client.goaways[0], (h2.EVERY_STREAM, h2.NO_ERROR))
    for client in busy:
        expect(client.request('/late').body, b'hello\n', 'begun after the notice')
        client.send(h2.data(uploads[client], b'half,'))
    for client in idle + busy:
        client.wait(lambda: len(client.goaways) == 2, 'the second GOAWAY')
    for client in idle:
        expect(client.goaways[1], (1, h2.NO_ERROR))
        expect(client.wait_end(), 'eof')
    gate.set()
    for client in busy:
        expect(client.goaways[1][0] > uploads[client], True, 'the last stream that is served')
        client.send(h2.data(uploads[client], b'half', end=True))
        expect(client.response(uploads[client]).body, b'half,half')
        expect([client.response(stream).body for stream in waiting[client]], [b'hello\n'] * 5)
        expect(client.wait_end(), 'eof')
        expect([one for one in client.streams.values() if one.reset is not None], [])
    wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 20)
expect(supervisor.segment_stat('http.ingress.downstream_cx_destroy_local_active_rq'), 0)
