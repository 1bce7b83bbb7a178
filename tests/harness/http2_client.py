# SPDX-License-Identifier: Apache-2.0
"""A raw HTTP/2 client: opens streams, sends what it is told, and keeps what came, stream by stream and frame by frame."""
import select
import socket
import time

from . import http2_frames as h2
from .client import Client, Response
from .hpack import Decoder
from .waiting import FACTOR


class Exchange:
    """What came on one stream. `reset`: the code of RST_STREAM, None without one."""

    def __init__(self):
        self.heads, self.header_list, self.body, self.trailers = [], None, b'', []
        self.ended, self.reset = False, None

    @property
    def status(self):
        return int(dict(self.header_list)[':status'])

    @property
    def headers(self):
        return dict(self.header_list)

    @property
    def over(self):
        return self.ended or self.reset is not None


class Http2Client(Client):
    """Windows are kept open as bytes come, unless `greedy` is false: then update() opens them. tls: an ssl.SSLContext."""

    def __init__(self, address, settings=None, greedy=True, tls=None, timeout=10, begin=True, source=0):
        super().__init__(address, timeout, source)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname='localhost')
        self.greedy, self.timeout = greedy, timeout * FACTOR
        self.frames, self.streams, self.goaways, self.end = [], {}, [], None  # end: 'eof', 'reset'
        self.settings = None  # the server's
        self.answers_pings = True
        self._next, self._decoder, self._block = 1, Decoder(), b''
        if begin:
            self.send(h2.PREFACE + h2.settings(settings))
            if greedy:
                self.send(h2.window_update(0, 1 << 30))

    # --- sending

    def fields(self, path='/', method='GET', headers=(), host='test', scheme='http'):
        extra = list(headers.items()) if isinstance(headers, dict) else list(headers)
        return [(':method', method), (':scheme', scheme), (':path', path), (':authority', host), *extra]

    def open(self, path='/', method='GET', headers=(), end=True, **how):
        """Begins a request; returns its stream."""
        stream, self._next = self._next, self._next + 2
        self.send(h2.headers(stream, self.fields(path, method, headers, **how), end))
        return stream

    def reserve(self):
        """A stream for frames by hand."""
        stream, self._next = self._next, self._next + 2
        return stream

    def request(self, path='/', method='GET', headers=(), body=b'', host='test'):
        """One whole exchange."""
        stream = self.open(path, method, headers, not body, host=host)
        for at in range(0, len(body), 16384):
            self.send(h2.data(stream, body[at:at + 16384], at + 16384 >= len(body)))
        return self.response(stream)

    def update(self, stream, bytes_more):
        self.send(h2.window_update(stream, bytes_more))

    # --- receiving

    def exchange(self, stream):
        return self.streams.setdefault(stream, Exchange())

    def read(self, deadline):
        """Reads once and sorts what came. False when nothing came by then, or the connection is over."""
        if self.end:
            return False
        pending = getattr(self.socket, 'pending', lambda: 0)
        if not pending() and not select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            if not self.fill():
                self.end = 'eof'
        except (ConnectionResetError, BrokenPipeError):
            self.end = 'reset'
        while True:
            one, self.input = h2.take_frame(self.input)
            if one is None:
                return True
            self._note(one)

    def wait(self, predicate, what='a frame'):
        """Reads until the predicate holds."""
        deadline = time.monotonic() + self.timeout
        while not predicate():
            if not self.read(deadline):
                open_ones = {stream: (one.header_list, len(one.body)) for stream, one in self.streams.items() if not one.over}
                raise AssertionError(f'waited for {what}; end {self.end}, GOAWAY {self.goaways}, frames {len(self.frames)}, open {open_ones}')

    def wait_over(self, stream):
        self.wait(lambda: self.exchange(stream).over, f'the end of stream {stream}')
        return self.exchange(stream)

    def wait_reset(self, stream):
        """The code of its RST_STREAM."""
        self.wait(lambda: self.exchange(stream).reset is not None, f'RST_STREAM on {stream}')
        return self.exchange(stream).reset

    def wait_end(self):
        """Reads until the server closes: 'eof' or 'reset'."""
        self.wait(lambda: self.end, 'the end of the connection')
        return self.end

    def response(self, stream):
        one = self.wait_over(stream)
        if one.header_list is None:
            raise AssertionError(f'stream {stream} was reset with {one.reset}')
        return Response(one.status, '', one.header_list, one.body, one.trailers)

    def ping(self):
        """All that was sent before has been treated when this returns."""
        before = len(self.frames)
        self.send(h2.ping(b'barrier!'))
        self.wait(lambda: any(one.type == h2.PING and one.flags & h2.ACK for one in self.frames[before:]), 'the answer to PING')

    def try_send(self, data):
        """Sends; false when the server has closed. What it says meanwhile is read."""
        try:
            self.send(data)
        except (ConnectionResetError, BrokenPipeError):
            return False
        self.read(time.monotonic())
        return not self.end

    def _reply(self, data):
        try:
            self.send(data)
        except (OSError, socket.timeout):
            pass  # the end is seen by reading

    def _note(self, one):
        self.frames.append(one)
        if one.type == h2.SETTINGS and not one.flags & h2.ACK:
            self.settings = {int.from_bytes(one.payload[at:at + 2], 'big'): one.number(at + 2) for at in range(0, len(one.payload), 6)}
            self._reply(h2.settings(ack=True))
        elif one.type == h2.PING and not one.flags & h2.ACK and self.answers_pings:
            self._reply(h2.ping(one.payload, ack=True))
        elif one.type == h2.GOAWAY:
            self.goaways.append((one.number(), one.number(4)))
        elif one.type == h2.RST_STREAM:
            self.exchange(one.stream).reset = one.number()
        elif one.type in (h2.HEADERS, h2.CONTINUATION):
            self._block += h2.body_of(one)
            if one.type == h2.HEADERS:
                self._ends = one.ends_stream
            if one.flags & h2.END_HEADERS:
                self._note_head(self.exchange(one.stream), self._decoder.decode(self._block))
                self._block = b''
        elif one.type == h2.DATA:
            exchange = self.exchange(one.stream)
            exchange.body += h2.body_of(one)
            exchange.ended = exchange.ended or one.ends_stream
            if self.greedy and one.payload and not exchange.ended:
                self._reply(h2.window_update(one.stream, len(one.payload)))

    def _note_head(self, exchange, fields):
        exchange.heads.append(fields)
        status = dict(fields).get(':status', '')
        if exchange.header_list is not None and not status:
            exchange.trailers = fields
        elif not status.startswith('1'):
            exchange.header_list = fields
        exchange.ended = exchange.ended or self._ends
