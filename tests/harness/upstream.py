# SPDX-License-Identifier: Apache-2.0
"""A scripted upstream: a thread per connection, and one function that says how to treat a request."""
import socket
import struct
import threading


class Request:
    def __init__(self, method, path, headers, body, trailers, head):
        self.method, self.path, self.header_list, self.body, self.trailers = method, path, headers, body, trailers
        self.head = head  # raw bytes

    @property
    def headers(self):
        return dict(self.header_list)


class Gone(Exception):
    pass


class Connection:
    def __init__(self, sock):
        self.socket, self.input = sock, b''

    def take_until(self, mark):
        while mark not in self.input:
            self.fill()
        index = self.input.index(mark) + len(mark)
        data, self.input = self.input[:index], self.input[index:]
        return data

    def take(self, count):
        while len(self.input) < count:
            self.fill()
        data, self.input = self.input[:count], self.input[count:]
        return data

    def fill(self):
        data = self.socket.recv(262144)
        if not data:
            raise Gone
        self.input += data

    def send(self, data):
        self.socket.sendall(data)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()

    def read_request(self):
        head = self.take_until(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        method, path, _ = lines[0].split(' ')
        headers = [(name.lower(), value.strip()) for name, value in (line.split(':', 1) for line in lines[1:] if line)]
        fields, body, trailers = dict(headers), b'', []
        if fields.get('transfer-encoding') == 'chunked':
            while size := int(self.take_until(b'\r\n').split(b';')[0], 16):
                body += self.take(size)
                self.take(2)
            while (line := self.take_until(b'\r\n')) != b'\r\n':
                trailers.append(tuple(part.strip() for part in line.decode().split(':', 1)))
        else:
            body = self.take(int(fields.get('content-length', 0)))
        return Request(method, path, headers, body, trailers, head)


class Upstream:
    """respond(request, connection) writes the answer; raising Gone or closing the socket ends the connection.

    on_connect(connection) comes before any request. `tls`: an ssl.SSLContext of the server side.
    """

    def __init__(self, respond=None, host='127.0.0.1', port=0, path=None, on_connect=None, tls=None):
        self.respond = respond or answer()
        self.on_connect, self.tls = on_connect, tls
        self.requests, self.connections, self.open_sockets = [], 0, []
        if path:
            self.listener, self.path = socket.socket(socket.AF_UNIX), path
            self.listener.bind(path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open_sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.tls:
                self.open_sockets.remove(sock)
                sock = self.tls.wrap_socket(sock, server_side=True)
                self.open_sockets.append(sock)
            connection = Connection(sock)
            if self.on_connect:
                self.on_connect(connection)
            while True:
                request = connection.read_request()
                self.requests.append(request)
                self.respond(request, connection)
        except (Gone, OSError):
            pass
        finally:
            sock.close()
            if sock in self.open_sockets:
                self.open_sockets.remove(sock)

    def close_connections(self):
        for sock in list(self.open_sockets):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        """No longer listens: connects are refused."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.close_connections()


# --- behaviours --------------------------------------------------------------------------------------------------------

def head(status, headers):
    lines = ''.join(f'{name}: {value}\r\n' for name, value in headers)
    return f'HTTP/1.1 {status} Any\r\n{lines}\r\n'.encode()


def answer(body=b'hello\n', status=200, headers=(), gate=None):
    """A complete answer; waits for gate (threading.Event) first when there is one."""
    def respond(request, connection):
        if gate:
            gate.wait(60)
        data = b'' if request.method == 'HEAD' else body
        connection.send(head(status, [('content-length', len(body)), *headers]) + data)
    return respond


def echo(request, connection):
    """Sends the request's body back, and its head in the header `x-seen`."""
    seen = ' '.join(f'{name}={value};' for name, value in request.header_list)
    connection.send(head(200, [('content-length', len(request.body)), ('x-method', request.method), ('x-path', request.path),
                               ('x-seen', seen)]) + request.body)


SWITCHING = b'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n'
UPGRADE = b'GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n'


def tunnel_echo(last=b'bye'):
    """Grants upgrades and CONNECT, then says all in capitals until the client's FIN, and has a last word."""
    def respond(request, connection):
        if request.method != 'CONNECT' and 'upgrade' not in request.headers:
            return answer()(request, connection)
        connection.send(head(200, []) if request.method == 'CONNECT' else SWITCHING)
        while True:
            connection.send(connection.input.upper())
            connection.input = b''
            try:
                connection.fill()
            except Gone:
                connection.send(last)
                raise
    return respond


def chunked(*parts, trailers=(), gate=None):
    """Sends the parts as chunks; waits for the gate after the first."""
    def respond(_, connection):
        connection.send(head(200, [('transfer-encoding', 'chunked')]))
        for index, part in enumerate(parts):
            if gate and index == 1:
                gate.wait(60)
            connection.send(b'%x\r\n%s\r\n' % (len(part), part))
        connection.send(b'0\r\n' + b''.join(f'{name}: {value}\r\n'.encode() for name, value in trailers) + b'\r\n')
    return respond


def raw(data, then='close'):
    """Sends exactly these bytes, then closes, resets or keeps the connection."""
    def respond(_, connection):
        connection.send(data)
        if then == 'close':
            raise Gone
        if then == 'reset':
            connection.reset()
            raise Gone
    return respond


def silent(_, connection):
    """Never answers; ends when the proxy closes."""
    connection.fill()


def close(*_):
    raise Gone


def reset(_, connection):
    connection.reset()
    raise Gone
