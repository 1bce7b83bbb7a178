# SPDX-License-Identifier: Apache-2.0
"""Peers that send as much as they may and take nothing, by the thousand: one thread of this process, small buffers.

    ends = SlowPeers()
    port = ends.upstream('pours')            # or 'stalls', 'stalls-http2': takes a request's head and nothing more
    ends.download(proxy.port, 1000)          # requests whose answers nobody reads
    ends.upload(proxy.port, 1000)            # requests whose bodies have no end
    ends.download(proxy.port, 1000, 100)     # over HTTP/2, so many streams to a connection
"""
import contextlib
import selectors
import socket
import struct
import threading
import time

from . import http2_frames as h2

SMALL = 8192  # of the buffer that is not read from: what waits shall wait in the proxy
ZEROES = memoryview(bytes(65536))
WIDE = h2.settings({h2.INITIAL_WINDOW_SIZE: h2.EVERY_STREAM}) + h2.window_update(0, h2.EVERY_STREAM - 65535)


class Pourer:
    """Sends what waits, then zeroes without an end."""

    def __init__(self, sock, waits=b''):
        self.socket, self.waits, self.poured = sock, waits, 0

    def readable(self):
        """False: the peer has ended."""
        return bool(self.socket.recv(65536))

    def more(self):
        return ZEROES

    def writable(self):
        """False: for now there is nothing to send. BlockingIOError: nobody takes it."""
        while True:
            if not self.waits:
                self.waits = self.more()
            if not self.waits:
                return False
            sent = self.socket.send(self.waits)
            self.waits, self.poured = self.waits[sent:], self.poured + sent


class Http2Uploader(Pourer):
    """Requests whose DATA fills every window that the peer opens."""

    def __init__(self, sock, streams):
        self.windows, self.connection, self.initial, self.input = {2 * n + 1: 0 for n in range(streams)}, 65535, None, b''
        super().__init__(sock, h2.PREFACE + h2.settings())

    def readable(self):
        data = self.socket.recv(65536)
        self.input += data
        while True:
            one, self.input = h2.take_frame(self.input)
            if one is None:
                return bool(data)
            if one.type == h2.SETTINGS and not one.flags & h2.ACK:
                self.begin(dict(struct.iter_unpack('>HI', one.payload)).get(h2.INITIAL_WINDOW_SIZE, 65535))
            elif one.type == h2.WINDOW_UPDATE and one.stream == 0:
                self.connection += one.number()
            elif one.type == h2.WINDOW_UPDATE:
                self.windows[one.stream] += one.number()

    def begin(self, window):
        heads = b''.join(h2.headers(stream, fields('POST')) for stream in self.windows)
        self.windows = dict.fromkeys(self.windows, window)
        self.waits = bytes(self.waits) + h2.settings(ack=True) + heads

    def more(self):
        parts = []
        for stream, window in self.windows.items():
            size = min(window, self.connection, 16384)
            if size > 0:
                parts.append(h2.data(stream, ZEROES[:size].tobytes()))
                self.windows[stream] -= size
                self.connection -= size
        return b''.join(parts)


def fields(method):
    return [(':method', method), (':scheme', 'http'), (':authority', 'a'), (':path', '/')]


class SlowPeers:
    def __init__(self):
        self.selector, self.listeners = selectors.DefaultSelector(), []
        self.held, self.behind, self.pourers = [], [], []
        self.arrived = 0  # requests, as the upstreams saw their heads; HTTP/1
        self.todo, (self.wake, self.woken) = [], socket.socketpair()
        self.wake.setblocking(False)
        self.selector.register(self.woken, selectors.EVENT_READ, lambda _: self.woken.recv(4096))
        threading.Thread(target=self._run, daemon=True).start()

    def poured(self):
        """Bytes that left here so far."""
        return sum(one.poured for one in list(self.pourers))

    def wait_stalled(self, seconds=0.1):
        """Until next to nothing was taken for so long: kernels make room in their full buffers for a while, in small pieces."""
        last, since = self.poured(), time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(seconds / 10)
            if (now := self.poured()) > last + (1 << 17):
                last, since = now, time.monotonic()

    # --- what is asked for

    def upstream(self, kind):
        """Its port."""
        listener = socket.create_server(('127.0.0.1', 0), backlog=4096)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.listeners.append(listener)
        self._watch(listener, selectors.EVENT_READ, lambda _: self._accept(listener, kind))
        return listener.getsockname()[1]

    def download(self, port, requests, streams=0):
        """streams: to a connection, over HTTP/2; 0: HTTP/1."""
        for _ in range(requests // max(streams, 1)):
            client = self._connect(port)
            if streams:
                heads = b''.join(h2.headers(2 * n + 1, fields('GET'), end=True) for n in range(streams))
                client.sendall(h2.PREFACE + WIDE + heads)
            else:
                client.sendall(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')

    def upload(self, port, requests, streams=0):
        for _ in range(requests // max(streams, 1)):
            client = self._connect(port)
            client.setblocking(False)
            if streams:
                self._pour(Http2Uploader(client, streams))
            else:
                self._pour(Pourer(client, b'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n' % (1 << 40)))

    def close(self):
        """Connections; those of clients first."""
        for one in self.held + self.behind:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.held, self.behind, self.pourers = [], [], []

    # --- the thread

    def _connect(self, port):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        client.connect(('127.0.0.1', port))
        self.held.append(client)
        return client

    def _run(self):
        while True:
            for key, events in self.selector.select():
                try:
                    key.data(events)
                except OSError:
                    with contextlib.suppress(KeyError):  # it has left already
                        self.selector.unregister(key.fileobj)
            while self.todo:
                self.selector.register(*self.todo.pop(0))

    def _watch(self, sock, events, function):
        self.todo.append((sock, events, function))
        with contextlib.suppress(BlockingIOError):  # then it is awake
            self.wake.send(b'x')

    def _pour(self, pourer):
        self.pourers.append(pourer)

        def ready(events):
            try:
                if events & selectors.EVENT_READ and not pourer.readable():
                    raise ConnectionResetError
                waits = pourer.writable()
            except BlockingIOError:
                waits = True
            self.selector.modify(pourer.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0), ready)
        self._watch(pourer.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, ready)

    def _accept(self, listener, kind):
        sock, _ = listener.accept()
        sock.setblocking(False)
        self.behind.append(sock)
        if kind == 'stalls-http2':
            return sock.send(h2.settings({h2.INITIAL_WINDOW_SIZE: h2.EVERY_STREAM, h2.MAX_CONCURRENT_STREAMS: 100}) +
                             h2.window_update(0, h2.EVERY_STREAM - 65535))

        def head(_):
            self.selector.unregister(sock)
            if sock.recv(256):
                self.arrived += 1
                if kind == 'pours':
                    self._pour(Pourer(sock, b'HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n' % (1 << 40)))
        self._watch(sock, selectors.EVENT_READ, head)
