# SPDX-License-Identifier: Apache-2.0
"""Real servers as upstreams: nghttpd, nginx, openssl s_server. Each listens on a port of its own of 127.0.0.1 and is waited for."""
import itertools
import os
import shutil
import socket

from .config import TMP
from .programs import Program
from .waiting import skip, wait_for

_numbers = itertools.count(1)


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def need(program):
    """The path of a program; skips the scenario where it is not installed."""
    found = shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin')
    return found or skip(f'{program} is not installed')


class Peer(Program):
    """`argv(port)`. Servers that cannot tell which port the kernel chose get a free one; another when it is taken meanwhile."""

    def __init__(self, argv, **how):
        for _ in range(5):
            self.port = free_port()
            super().__init__(argv(self.port), **how)
            if wait_for(f'{self.argv[0]} listens', lambda: self._listens() or not self.is_running()) and self.is_running():
                return
        raise AssertionError(f'{self.argv} does not start: {self.log}')

    def _listens(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False


def directory(files):
    """A new directory with these files: name -> bytes."""
    path = f'{TMP}/peer-{next(_numbers)}'
    os.mkdir(path)
    for name, data in files.items():
        with open(f'{path}/{name}', 'wb') as file:
            file.write(data)
    os.chmod(path, 0o755)
    return path


class Nghttpd(Peer):
    """nghttpd over cleartext, or TLS with a certificate. `files`: what it serves. `frames()`: what it saw and sent, as text."""

    def __init__(self, *options, files=None, certificate=None):
        root = directory(files or {'index.html': b'hello\n'})
        security = [] if certificate else ['--no-tls']
        keys = [certificate.key, certificate.chain] if certificate else []
        super().__init__(lambda port: [need('nghttpd'), '-v', '-a', '127.0.0.1', '-d', root, *security, *options, str(port), *keys])

    def frames(self, kind):
        """Lines about frames, e.g. kind 'recv HEADERS'."""
        return [line for line in self.log.splitlines() if kind in line]


class Nginx(Peer):
    """nginx. `server`: directives of the one server block; `listen`: what follows the address, e.g. 'http2' or 'ssl http2'.

    The access log has the line `format` for each request: requests() reads it.
    """

    CONFIG = """daemon off; master_process off; pid {root}/pid; error_log stderr info;
events {{ worker_connections 2000; }}
http {{
  log_format seen '{format}'; access_log {root}/requests.log seen;
  client_body_temp_path {root}/a; proxy_temp_path {root}/b; fastcgi_temp_path {root}/c; uwsgi_temp_path {root}/d;
  scgi_temp_path {root}/e; client_max_body_size 100m; root {root}; default_type text/plain;
  server {{ listen 127.0.0.1:{port} {listen}; {server} }}
}}
"""

    def __init__(self, server="location / { return 200 'hello\\n'; }", listen='', format='$request_method $request_uri $status', files=None):
        self.root = directory(files or {})

        def argv(port):
            text = self.CONFIG.format(root=self.root, port=port, listen=listen, server=server, format=format)
            with open(f'{self.root}/nginx.conf', 'w') as file:
                file.write(text)
            return [need('nginx'), '-p', self.root, '-e', 'stderr', '-c', f'{self.root}/nginx.conf']
        super().__init__(argv)

    @staticmethod
    def tls(certificate):
        return f'ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key};'

    def requests(self):
        with open(f'{self.root}/requests.log') as file:
            return file.read().splitlines()

    def wait_requests(self, count):
        wait_for(f'{count} requests in the log of nginx', lambda: len(self.requests()) >= count)
        return self.requests()


class OpensslServer(Program):
    """`openssl s_server`; by default each connection gets a status page that tells what was agreed (-www)."""

    def __init__(self, certificate, *options, page=True):
        super().__init__([need('openssl'), 's_server', '-accept', '127.0.0.1:0', '-cert', certificate.chain, '-key', certificate.key,
                          *(['-www'] if page else []), *options])
        wait_for('s_server listens', lambda: 'ACCEPT' in self.log or not self.is_running())
        line = next((line for line in self.log.splitlines() if line.startswith('ACCEPT')), None)
        if not line:
            raise AssertionError(f's_server does not start: {self.log}')
        self.port = int(line.rsplit(':', 1)[1])
