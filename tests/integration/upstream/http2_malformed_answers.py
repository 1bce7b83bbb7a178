# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 upstream whose answer is malformed: 502 UPE, nothing of it reaches the client; the connection serves the next request."""
from harness import *
from harness.http2_peer import DATA, END_HEADERS, END_STREAM, HEADERS, frame, header_block

OK = (':status', '200')
malformed = {
    '/lf': [OK, ('x-a', 'a\nset-cookie: evil')],
    '/crlf': [OK, ('x-a', 'a\r\n\r\nHTTP/1.1 200 OK')],
    '/nul': [OK, ('x-a', b'a\0b')],
    '/name': [OK, ('x-a\r\nx-b', 'v')],
    '/upper': [OK, ('X-Upper', 'v')],
    '/blank': [OK, ('x a', 'v')],
    '/connection': [OK, ('connection', 'close')],
    '/chunked': [OK, ('transfer-encoding', 'chunked')],
    '/no-status': [('x-a', 'v')],
    '/two': [OK, OK],
    '/status': [(':status', '2x0')],
    '/unknown': [OK, (':path', '/')],
    '/length': [OK, ('content-length', '100')],
    '/lengths': [OK, ('content-length', '1'), ('content-length', '2')],
    '/101': [(':status', '101')],
    '/051': [(':status', '051')],
    '/051-whole': [(':status', '051')],
}
ERROR = b'upstream connect error or disconnect/reset before headers. reset reason: protocol error'
order = list(malformed)


def script(peer):
    for name in order:
        stream = peer.next_request()
        whole = END_STREAM if name.endswith('-whole') else 0
        peer.send(frame(HEADERS, END_HEADERS | whole, stream, header_block(malformed[name])))
        if not whole:
            peer.data(stream, b'body', end=True)
        stream = peer.next_request()
        peer.answer(stream)
    peer.until_closed()


upstream = Http2Peer(script)
log = f'{TMP}/access'
line = access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2')), access_log=[line]), '--concurrency', '1', '--file-flush-interval-msec', '20')
for name in order:
    if name == '/length':  # it shows when the body is over: the client has the head already
        with Client(proxy.port) as client:
            client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
            expect_true(len(client.rest()[1].split(b'\r\n\r\n', 1)[-1]) < 100, 'the answer is seen to be cut off')
    else:
        response = get(proxy.port, name)
        expect((response.status, response.body), (502, ERROR), name)
        expect({'set-cookie', 'x-a', 'x-b', 'x a', 'x-upper'} & set(response.headers), set(), name)
    expect(get(proxy.port).body, b'hello\n', f'after {name}')
expect((len(upstream.connections), proxy.stat('cluster.up.upstream_cx_total')), (1, 1), 'a malformed answer ends its stream alone')
expect(proxy.stat('cluster.up.http2.rx_messaging_error'), len(order))
wait_for('the lines', lambda: open(log).read().count('\n') == 2 * len(order))
expect(open(log).read().count('502 UPE\n'), len(order) - 1)


def speaks_http1(connection):
    """Not HTTP/2 at all."""
    connection.send(b'HTTP/1.1 400 Bad\r\n\r\n')
    while True:
        connection.fill()


upstream = Upstream(on_connect=speaks_http1)
proxy = Proxy(config(cluster('up', upstream.port, **speaks('http2'))), '--concurrency', '1')
for count in range(1, 10):
    response = get(proxy.port)
    expect((response.status, response.body), (502, ERROR), 'and not refused by the peer: it never said so')
    proxy.wait_stat('cluster.up.upstream_cx_protocol_error', count)
