# SPDX-License-Identifier: Apache-2.0
"""An upstream of plain bytes: a thread per connection, and one function that says how to treat it."""
import socket
import threading

from .upstream import Connection, Gone


class RawUpstream:
    """serve(connection) may raise Gone; the connection is closed when it returns. `context`: an ssl.SSLContext, then TLS."""

    def __init__(self, serve, context=None):
        self.serve, self.context, self.connections = serve, context, 0
        self.listener = socket.create_server(('127.0.0.1', 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.context:
                sock = self.context.wrap_socket(sock, server_side=True)
            self.serve(Connection(sock))
        except (Gone, OSError):
            pass
        finally:
            sock.close()

    def close(self):
        """No longer listens: connects are refused."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()


def capitals(hello=b'', last=b''):
    """Says `hello`, then all it hears in capitals until the FIN, then its last word."""
    def serve(connection):
        connection.send(hello)
        while True:
            try:
                connection.fill()
            except Gone:
                connection.send(last)
                raise
            connection.send(connection.input.upper())
            connection.input = b''
    return serve
