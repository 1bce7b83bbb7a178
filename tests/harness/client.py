# SPDX-License-Identifier: Apache-2.0
"""A raw client: sends the bytes it is told, reads what comes, and tells an orderly close from a reset."""
import socket

from .waiting import FACTOR


class Response:
    def __init__(self, status, reason, headers, body=b'', trailers=()):
        self.status, self.reason, self.header_list, self.body, self.trailers = status, reason, headers, body, list(trailers)

    @property
    def headers(self):
        return dict(self.header_list)

    def __repr__(self):
        return f'<{self.status} {self.headers} {self.body[:80]!r}>'


class Client:
    """address: a port of 127.0.0.1, a (host, port) pair, or the path of a unix socket. source: the port to come from."""

    def __init__(self, address, timeout=10, source=0):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout * FACTOR)
            self.socket.connect(address if not address.startswith('@') else '\0' + address[1:])
        else:
            pair = address if isinstance(address, tuple) else ('127.0.0.1', address)
            self.socket = socket.create_connection(pair, timeout * FACTOR, ('', source) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def finish(self):
        """FIN: nothing more will be sent; what the peer sends is still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def request(self, path='/', method='GET', headers=(), body=b'', host='test'):
        """Sends one request and returns the response; extra headers as (name, value) pairs or a dict."""
        pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
        if body:
            pairs.append(('content-length', str(len(body))))
        lines = ''.join(f'{name}: {value}\r\n' for name, value in pairs)
        self.send(f'{method} {path} HTTP/1.1\r\nhost: {host}\r\n{lines}\r\n'.encode() + body)
        return self.response(head_only=method == 'HEAD')

    def fill(self):
        """Reads once. False at the end of the stream."""
        data = self.socket.recv(65536)
        self.input += data
        return bool(data)

    def take(self, count):
        while len(self.input) < count:
            if not self.fill():
                raise AssertionError(f'closed after {len(self.input)} of {count} bytes: {self.input[:200]!r}')
        data, self.input = self.input[:count], self.input[count:]
        return data

    def until(self, mark):
        while mark not in self.input:
            if not self.fill():
                raise AssertionError(f'closed before {mark!r}: {self.input[:500]!r}')
        return self.take(self.input.index(mark) + len(mark))

    def response(self, head_only=False):
        lines = self.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        _, status, reason = (lines[0] + ' ').split(' ', 2)
        headers = [(name.lower(), value.strip()) for name, value in (line.split(':', 1) for line in lines[1:] if line)]
        response = Response(int(status), reason.strip(), headers)
        fields = response.headers
        if head_only or response.status in (204, 304) or response.status < 200:  # 101: the rest is the tunnel's
            return response
        if fields.get('transfer-encoding', '').endswith('chunked'):
            while size := int(self.until(b'\r\n').split(b';')[0], 16):
                response.body += self.take(size)
                self.take(2)
            while (line := self.until(b'\r\n')) != b'\r\n':
                response.trailers.append(tuple(part.strip() for part in line.decode().split(':', 1)))
        elif 'content-length' in fields:
            response.body = self.take(int(fields['content-length']))
        else:
            while self.fill():
                pass
            response.body, self.input = self.input, b''
        return response

    def rest(self):
        """All bytes until the peer closes: ('eof' or 'reset', bytes)."""
        try:
            while self.fill():
                pass
            return 'eof', self.input
        except ConnectionResetError:
            return 'reset', self.input

    def is_open(self):
        """True when the peer has not closed and nothing unread waits. Does not block."""
        self.socket.setblocking(False)
        try:
            return False if self.socket.recv(1, socket.MSG_PEEK) == b'' else False
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.socket.settimeout(10 * FACTOR)


def request(address, path='/', method='GET', headers=(), body=b'', host='test'):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.request(path, method, headers, body, host)


def get(address, path='/', headers=(), host='test'):
    return request(address, path, headers=headers, host=host)
