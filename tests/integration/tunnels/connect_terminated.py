# SPDX-License-Identifier: Apache-2.0
"""A CONNECT that ends here: 200 when the upstream is connected, then its payload as raw TCP, by HTTP/1.1 and HTTP/2."""
import socket
import subprocess
import threading

from harness import *
from harness.peers import need

log = f'{TMP}/access.log'


def routes(**connect_config):
    allowed = [{'upgrade_type': 'CONNECT', 'connect_config': connect_config}]
    return [{'match': {'connect_matcher': {}}, 'route': {'cluster': 'up', 'upgrade_configs': allowed}}, direct('/', body='not a tunnel')]


def proxy_to(port, **connect_config):
    return Proxy(config(cluster('up', port), routes=routes(**connect_config), http2_protocol_options={'allow_connect': True},
                        delayed_close_timeout='20s',  # of busy machines: a client that takes nothing for so long is cut off
                        access_log=access_log(log, '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT%\n')),
                 '--file-flush-interval-msec', '50')


def connect(client):
    """HTTP/1.1."""
    client.send(b'CONNECT far:443 HTTP/1.1\r\nhost: far:443\r\n\r\n')
    return client.until(b'\r\n\r\n')


def open_stream(client):
    """HTTP/2: CONNECT has no scheme and no path (RFC 9113 8.5)."""
    stream = client.reserve()
    client.send(h2.headers(stream, [(':method', 'CONNECT'), (':authority', 'far:443')]))
    return stream


def hears(client, stream, text):
    client.wait(lambda: client.exchange(stream).body == text, f'{text} on stream {stream}')


upstream = RawUpstream(capitals(b'220 ready\n', last=b'bye'))
proxy = proxy_to(upstream.port)
with Client(proxy.port) as client:
    head = connect(client)
    expect(head.split(b'\r\n')[0], b'HTTP/1.1 200 OK')
    expect(any(name in head for name in (b'content-length', b'transfer-encoding', b'connection')), False)
    expect(client.take(10), b'220 ready\n')
    client.send(b'\x16\x03\x01 hello')
    expect(client.take(9), b'\x16\x03\x01 HELLO')
    client.finish()
    expect(client.rest(), ('eof', b'bye'))
wait_for('the line', lambda: open(log).read().splitlines() == ['HTTP/1.1 200 - - 9 22'])

with Http2Client(proxy.port) as client:
    first, second = open_stream(client), open_stream(client)
    for stream in first, second:
        hears(client, stream, b'220 ready\n')
        expect(client.exchange(stream).status, 200)
    client.send(h2.data(first, b'hello'))
    hears(client, first, b'220 ready\nHELLO')
    client.send(h2.data(first, b'!', end=True))
    hears(client, first, b'220 ready\nHELLO!bye')
    client.wait_over(first)
    expect(client.exchange(first).reset, None)
    client.send(h2.reset(second))
    client.ping()
    proxy.wait_stat('cluster.up.upstream_rq_active', 0)
    expect(client.request('/').body, b'not a tunnel')
expect(upstream.connections, 3, 'a connection for each tunnel')
proxy.end()

# What is asked through the tunnel is the other server's business.
beyond = Upstream(answer(b'from beyond\n'))
proxy = proxy_to(beyond.port)
done = subprocess.run([need('curl'), '-sS', '-m', '30', '--proxytunnel', '-x', f'http://127.0.0.1:{proxy.port}', 'http://far.test/page'], capture_output=True)
expect((done.returncode, done.stdout), (0, b'from beyond\n'), done.stderr)
expect((beyond.requests[0].path, beyond.requests[0].headers['host']), ('/page', 'far.test'))
proxy.end()

# The upstream's end comes first: the client may go on.
heard = []


def ends_first(connection):
    connection.send(b'that is all')
    connection.socket.shutdown(socket.SHUT_WR)
    heard.append(connection.take(7))


upstream = RawUpstream(ends_first)
proxy = proxy_to(upstream.port)
with Client(proxy.port) as client:
    connect(client)
    expect(client.rest(), ('eof', b'that is all'))
    client.send(b'goes on')
    wait_for('the rest', lambda: heard == [b'goes on'])
with Http2Client(proxy.port) as client:
    stream = open_stream(client)
    client.wait(lambda: client.exchange(stream).ended, 'END_STREAM')
    expect((client.exchange(stream).body, client.exchange(stream).reset), (b'that is all', None))
    client.send(h2.data(stream, b'goes on', end=True))
    wait_for('the rest', lambda: heard == [b'goes on'] * 2)
proxy.end()

# A lot, both ways at once.
SIZE = 8 << 20
upstream = RawUpstream(capitals())
proxy = proxy_to(upstream.port)
with Client(proxy.port, timeout=60) as client:
    connect(client)

    def pour():
        for _ in range(SIZE >> 16):
            client.send(b'x' * 65536)
        client.finish()
    thread = threading.Thread(target=pour, daemon=True)
    thread.start()
    expect_true(client.rest() == ('eof', b'X' * SIZE), 'all came back')
    thread.join(10)
proxy.wait_stat('cluster.up.upstream_cx_active', 0)
proxy.end()

# The PROXY header tells who the client is.
for version, start in ('V1', b'PROXY TCP4 127.0.0.1 127.0.0.1 '), ('V2', b'\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1'):
    got = []
    upstream = RawUpstream(lambda connection: got.append(connection.take_until(b'hello')))
    proxy = proxy_to(upstream.port, proxy_protocol_config={'version': version})
    with Client(proxy.port) as client:
        connect(client)
        client.send(b'hello')
        wait_for('the header', lambda: got)
        expect((got[0][:len(start)], got[0][-5:]), (start, b'hello'))
    proxy.end()

# Nobody there.
gone = RawUpstream(capitals())
gone.close()
proxy = proxy_to(gone.port)
open(log, 'w').close()
with Client(proxy.port) as client:
    client.send(b'CONNECT far:443 HTTP/1.1\r\nhost: far:443\r\n\r\n')
    expect(client.response().status, 503)
with Http2Client(proxy.port) as client:
    expect(client.response(open_stream(client)).status, 503)
# Two workers may have written them, each in its own time.
wait_for('two lines', lambda: sorted(line.rsplit(' ', 2)[0] for line in open(log).read().splitlines()) == ['HTTP/1.1 503 UF -', 'HTTP/2 503 UF -'])
