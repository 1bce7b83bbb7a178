# SPDX-License-Identifier: Apache-2.0
"""A scripted HTTP/2 server at the level of frames, cleartext or over TLS: it sends what no decent server would.

    def script(peer):
        stream = peer.next_request()
        peer.goaway(last=0)

    upstream = Http2Peer(script)

Header blocks are read only far enough to know that they came: what is in them is for a real peer to see.
"""
import socket
import struct
import threading

from .hpack import encode as header_block
from .http2_frames import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS,
                           INITIAL_WINDOW_SIZE, INTERNAL_ERROR, MAX_CONCURRENT_STREAMS, NO_ERROR, PING, PREFACE, PRIORITY,
                           PROTOCOL_ERROR, PUSH_PROMISE, REFUSED_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame)


class Gone(Exception):
    """The proxy has closed."""


class Http2Connection:
    def __init__(self, sock, settings, received=b''):
        self.socket, self.input, self.seen = sock, received, []
        if self.take(len(PREFACE)) != PREFACE:
            raise Gone
        if settings is not None:
            self.settings(settings)

    def take(self, count):
        while len(self.input) < count:
            data = self.socket.recv(262144)
            if not data:
                raise Gone
            self.input += data
        data, self.input = self.input[:count], self.input[count:]
        return data

    def read_frame(self):
        """The next frame: (kind, flags, stream, payload). SETTINGS and PING are answered."""
        head = self.take(9)
        kind, flags, stream = struct.unpack('>BBI', head[3:])
        payload = self.take(int.from_bytes(head[:3], 'big'))
        self.seen.append((kind, flags, stream, payload))
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b''))
        return kind, flags, stream, payload

    def wait(self, wanted):
        """Reads until a frame of this kind."""
        while True:
            kind, flags, stream, payload = self.read_frame()
            if kind == wanted:
                return flags, stream, payload

    def next_request(self):
        """Reads until a request has come whole; its stream."""
        while True:
            kind, flags, stream, _ = self.read_frame()
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return stream

    def until_closed(self):
        """Reads until the proxy closes; all frames of the connection."""
        try:
            while True:
                self.read_frame()
        except (Gone, ConnectionError):
            return self.seen

    def send(self, data):
        self.socket.sendall(data)

    def settings(self, values):
        self.send(frame(SETTINGS, 0, 0, b''.join(struct.pack('>HI', *pair) for pair in values.items())))

    def headers(self, stream, *fields, status=200, end=False):
        block = header_block([*([(':status', str(status))] if status else []), *fields])
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block))

    def data(self, stream, data=b'', end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream, data))

    def answer(self, stream, body=b'hello\n'):
        self.headers(stream)
        self.data(stream, body, end=True)

    def reset_stream(self, stream, error=CANCEL):
        self.send(frame(RST_STREAM, 0, stream, struct.pack('>I', error)))

    def window(self, stream, more):
        self.send(frame(WINDOW_UPDATE, 0, stream, struct.pack('>I', more)))

    def goaway(self, last, error=NO_ERROR):
        self.send(frame(GOAWAY, 0, 0, struct.pack('>II', last, error)))

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()


class Http2Peer:
    """`script(connection)` plays one connection, which closes when it returns; a list of them: one after the other, the last
    again and again. `settings`: sent first; None: not at all. `tls`: an ssl.SSLContext of the server side."""

    def __init__(self, script, settings={}, tls=None):  # noqa: B006: never changed
        self.scripts = list(script) if isinstance(script, (list, tuple)) else [script]
        self.settings, self.tls, self.connections = settings, tls, []
        self.errors = []
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        number = 0
        while True:
            sock, _ = self.listener.accept()
            script = self.scripts[min(number, len(self.scripts) - 1)]
            number += 1
            threading.Thread(target=self._serve, args=(sock, script), daemon=True).start()

    def _serve(self, sock, script):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            connection = Http2Connection(sock, self.settings)
            self.connections.append(connection)
            script(connection)
        except (Gone, OSError):
            pass
        except Exception as error:  # noqa: BLE001: a broken script must be seen
            self.errors.append(error)
            raise
        finally:
            sock.close()


def serve(peer):
    """A script: answers all requests."""
    while True:
        peer.answer(peer.next_request())
