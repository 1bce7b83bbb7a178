# SPDX-License-Identifier: Apache-2.0
"""Whatever ends a connection says so by GOAWAY in two steps: what is asked in between is answered, what is open is finished."""
import threading

from harness import *

gate = threading.Event()
upstream = Upstream(lambda request, connection: answer(b'hello\n', gate=gate if request.path == '/wait' else None)(request, connection))
NOTICE = (h2.EVERY_STREAM, h2.NO_ERROR)


def proxy_with(**fields):
    return Proxy(config(cluster('up', upstream.port), drain_timeout='0.5s', **fields), '--concurrency', '1')


def goes_in_two_steps(proxy, client, streams):
    """After the notice a further request is answered; then comes the last stream's number, and the end."""
    client.wait(lambda: client.goaways, 'the notice')
    expect(client.goaways, [NOTICE])
    expect(client.request('/late').body, b'hello\n', 'a stream that began after the notice')
    waiting = client.open('/wait')
    client.wait(lambda: len(client.goaways) == 2, 'the second GOAWAY')
    expect(client.goaways[1], (waiting, h2.NO_ERROR))
    # What was under way is passed by, head, body and trailers, and harms nobody.
    crossing = client.open('/crossing', 'POST', end=False)
    client.send(h2.data(crossing, b'part') + h2.data(crossing, b'and part') + h2.headers(crossing, [('x-end', '1')], end=True))
    client.ping()
    expect((client.end, client.goaways[2:]), (None, []), 'open while a stream is')
    gate.set()
    expect(client.response(waiting).body, b'hello\n')
    expect(client.wait_end(), 'eof')
    gate.clear()
    proxy.wait_stat('http.ingress.downstream_cx_active', 0)
    expect(proxy.stat('http2.goaway_sent'), 2)


proxy = proxy_with(common_http_protocol_options={'idle_timeout': '0.3s'})
client = Http2Client(proxy.port)
expect(client.request().status, 200)
goes_in_two_steps(proxy, client, 1)
expect(proxy.stat('http.ingress.downstream_cx_idle_timeout'), 1)
with Http2Client(proxy.port) as client:  # never asked for anything
    expect(client.wait_end(), 'eof')
    expect(client.goaways, [NOTICE, (0, h2.NO_ERROR)])
proxy.end()

proxy = proxy_with(common_http_protocol_options={'max_connection_duration': '0.3s'})
goes_in_two_steps(proxy, Http2Client(proxy.port), 0)
expect(proxy.stat('http.ingress.downstream_cx_max_duration_reached'), 1)
proxy.end()

proxy = proxy_with(common_http_protocol_options={'max_requests_per_connection': 3})
client = Http2Client(proxy.port)
for _ in range(2):
    expect((client.request().status, client.goaways), (200, []))
expect(client.request().status, 200)
goes_in_two_steps(proxy, client, 3)
expect(proxy.stat('http.ingress.downstream_cx_max_requests_reached'), 1)
proxy.end()

proxy = proxy_with()
client = Http2Client(proxy.port)
expect(client.request().status, 200)
expect(proxy.admin('/drain_listeners?graceful&skip_exit', 'POST').status, 200)
goes_in_two_steps(proxy, client, 1)
expect(proxy.stat('http.ingress.downstream_cx_drain_close'), 1)
# Told as soon as it is found out what it speaks.
client = Http2Client(proxy.port)
expect(client.request().status, 200, 'the listener is still open')
proxy.end()

# A client that says GOAWAY is let go when its last answer is out.
proxy = proxy_with()
client = Http2Client(proxy.port)
waiting = client.open('/wait')
client.send(h2.goaway(0))
client.ping()
gate.set()
expect(client.response(waiting).body, b'hello\n')
expect(client.wait_end(), 'eof')
