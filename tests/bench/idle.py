# SPDX-License-Identifier: Apache-2.0
"""What a connection costs that made one request and then sits there."""
import socket
import ssl


def connect(port, tls):
    raw = socket.create_connection(('127.0.0.1', port))
    if not tls:
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(['http/1.1'])
    return context.wrap_socket(raw)


def request(connection):
    connection.sendall(b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    connection.recv(4096)


def kib_each(peer, number, tls):
    """PSS of the peer per connection, in KiB. Ends the peer."""
    with connect(peer.port, tls) as probe:
        request(probe)
    before, held = peer.pss_kib(), []
    for _ in range(number):
        held.append(connect(peer.port, tls))
        request(held[-1])
    each = (peer.pss_kib() - before) / number
    for one in held:
        one.close()
    peer.stop()
    return each
