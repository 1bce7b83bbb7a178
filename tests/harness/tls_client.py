# SPDX-License-Identifier: Apache-2.0
"""Clients that speak TLS: Python's ssl under the raw client, and openssl s_client for what ssl cannot be told."""
import re
import select
import ssl
import subprocess

from .client import Client
from .waiting import FACTOR


class TlsClient(Client):
    """authority: who is trusted (None: nobody is verified). `version`: 'TLSv1.2' or 'TLSv1.3' only. certificate: a Certificate
    to show. `first`: bytes sent in front of the handshake (a PROXY header)."""

    def __init__(self, address, authority=None, sni='a.example', alpn=(), version=None, certificate=None, ciphers=None,
                 first=b'', timeout=10):
        super().__init__(address, timeout)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = bool(authority)
        context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
        if authority:
            context.load_verify_locations(authority.path)
        if version:
            context.minimum_version = context.maximum_version = {'TLSv1.2': ssl.TLSVersion.TLSv1_2,
                                                                 'TLSv1.3': ssl.TLSVersion.TLSv1_3}[version]
        if ciphers:
            context.set_ciphers(ciphers)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if certificate:
            context.load_cert_chain(certificate.chain, certificate.key)
        if first:
            self.socket.sendall(first)
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=sni, suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise

    def is_open(self):
        """True when nothing has come, neither bytes nor an end. Does not block."""
        return not self.socket.pending() and not select.select([self.socket], [], [], 0)[0]

    @property
    def version(self):
        return self.socket.version()

    @property
    def alpn(self):
        return self.socket.selected_alpn_protocol()

    @property
    def common_name(self):
        """Of the server's certificate, verified or not."""
        return self._certificate('-subject', '-nameopt', 'multiline').rsplit('= ', 1)[1].strip()

    def _certificate(self, *what):
        return subprocess.run(['openssl', 'x509', '-inform', 'DER', '-noout', *what], input=self.socket.getpeercert(True),
                              capture_output=True, check=True).stdout.decode()

    @property
    def key_type(self):
        """ec or rsa: of the server's certificate."""
        text = self._certificate('-text')
        return 'rsa' if 'rsaEncryption' in text else 'ec'


def s_client(port, *args, send='GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', servername='a.example'):
    """What `openssl s_client` prints, both streams, with the answer to `send`; it ends when the server closes.
    send='R\\n' is its command to renegotiate."""
    argv = ['openssl', 's_client', '-connect', f'127.0.0.1:{port}', *([] if send == 'R\n' else ['-ign_eof']),
            *(['-servername', servername] if servername else ['-noservername']), *args]
    done = subprocess.run(argv, input=send.encode(), capture_output=True, timeout=20 * FACTOR)
    return (done.stdout + done.stderr).decode(errors='replace')


def was_reused(text):
    """Of what s_client printed: was its session resumed?"""
    return bool(re.search(r'^Reused, ', text, re.M))
