# SPDX-License-Identifier: Apache-2.0
"""TLS on either side, on both, and with a client that leaves its handshake: the same tunnel."""
import socket
import ssl

from harness import *

authority = Authority()
certificate = authority.issue('localhost', 'DNS:localhost')
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(certificate.chain, certificate.key)
trusting = ssl.create_default_context(cafile=authority.path)
plain, secure = RawUpstream(capitals(b'hi ')), RawUpstream(capitals(b'hi '), context=server)
clusters = {False: cluster('up', plain.port),
            True: cluster('up', secure.port, transport_socket=upstream_tls(authority, sni='localhost'))}
log = f'{TMP}/access.log'
text = '%PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT% %DOWNSTREAM_TLS_VERSION% %REQUESTED_SERVER_NAME% %UPSTREAM_TLS_VERSION%\n'
lines = []
for down in (False, True):
    for up in (False, True):
        proxy = Proxy(tcp_config(clusters[up], tls=downstream_tls(certificate) if down else None,
                                 access_log=[access_log(log, text)]), '--file-flush-interval-msec', '50')
        with Client(proxy.port) as client:
            if down:
                client.socket = trusting.wrap_socket(client.socket, server_hostname='localhost')
            expect(client.take(3), b'hi ')
            client.send(b'hello' * 20000)
            expect(client.take(100000), b'HELLO' * 20000)
        lines.append(f'- 100000 100003 {"TLSv1.3 localhost" if down else "- -"} {"TLSv1.2" if up else "-"}')
        wait_for('the line', lambda: open(log).read().splitlines() == lines)
        if down:
            # Nobody waits for a handshake that does not come, and the endpoint's banner holds no memory meanwhile.
            with socket.create_connection(('127.0.0.1', proxy.port)) as half:
                half.sendall(b'\x16\x03\x01')
            lines.append(f'- 0 0 - - {"TLSv1.2" if up else "-"}')
            wait_for('the line', lambda: open(log).read().splitlines()[-1].startswith('- 0 0 - - '))
            lines = open(log).read().splitlines()
        proxy.end()
