# SPDX-License-Identifier: Apache-2.0
"""A flood of handshakes on one worker: clients that say nothing or a half, and a burst of whole ones with a costly key. One who
is there is answered all the while; the time of the others ends, and what they took comes back."""
import os
import select
import ssl

from harness import *
from harness.waiting import FACTOR

MANY = 100
HALF = b'\x16\x03\x01\x02\x00' + b'\x01\x00\x01\xfc\x03\x03' + bytes(200)  # of a ClientHello in a record of 512 bytes
authority = Authority()
certificate = authority.issue('a.example', key='rsa:3072')  # a signature is some milliseconds
timeouts = 'listener.limited.downstream_cx_transport_socket_connect_timeout'


def tls_listener(name, **chain):
    return listener(name=name, stat_prefix=name, filter_chains=[
        filter_chain(hcm(direct('/', 200, 'here')), tls=downstream_tls(certificate), **chain)])


proxy = Proxy(bootstrap([tls_listener('patient'), tls_listener('limited', transport_socket_connect_timeout='0.7s')], []),
              '--concurrency', '1')
patient, limited = proxy.port_of('patient'), proxy.port_of('limited')
context = ssl.create_default_context(cafile=authority.path)


class Handshake:
    """A client's half of one, on bytes."""

    def __init__(self, port):
        self.client, self.input, self.output = Client(port), ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.input, self.output, server_hostname='a.example')
        self.step()

    def step(self):
        """Takes what has come. Is it over?"""
        try:
            self.session.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def send(self):
        self.client.send(self.output.read())

    def receive(self):
        self.input.write(self.client.socket.recv(65536))
        return self.step()


def descriptors():
    return len(os.listdir(f'/proc/{proxy.pid}/fd'))


def kibibytes():
    return next(int(line.split()[1]) for line in open(f'/proc/{proxy.pid}/status') if line.startswith('VmRSS:'))


def flood(served, number):
    """All three kinds at once, the `number`th time; returns how often `served` was answered while the whole handshakes were
    under way."""
    whole = [Handshake(patient) for _ in range(MANY)]
    silent = [Client(limited) for _ in range(MANY)]
    half = [Client(limited) for _ in range(MANY)]
    for client in half:
        client.send(HALF)
    proxy.wait_stat('http.ingress.downstream_cx_total', 1 + 3 * MANY * number)
    for one in whole:
        one.send()
    waiting = {one.client.socket: one for one in whole}
    answers = 0
    while waiting:
        expect(served.request('/').body, b'here')
        answers += 1
        for ready in select.select(waiting, [], [], 0)[0]:
            if waiting[ready].receive():
                waiting.pop(ready).send()
    proxy.wait_stat('listener.patient.ssl.handshake', 1 + MANY * number)
    for one in whole:
        one.client.close()
    for client in silent + half:
        expect(client.rest(), ('eof', b''))
        client.close()
    proxy.wait_stat(timeouts, 2 * MANY * number)
    expect(served.request('/').body, b'here')
    proxy.wait_stat('http.ingress.downstream_cx_active', 1)
    return answers


with TlsClient(patient, authority) as served:
    expect(served.request('/').body, b'here')
    before = descriptors()
    # A turn of the loop has room for a signature or two, and for whoever else has something to ask.
    for number in (1, 2):
        answers = flood(served, number)
        expect_true(answers > MANY / 4, f'{answers} answers while {MANY} handshakes were under way')
        wait_for('the descriptors come back', lambda: descriptors() == before)
        if number == 2 and FACTOR == 1:  # a sanitizer keeps what is freed
            expect_true(kibibytes() < first + 2048, f'memory: {first} KiB after one flood, {kibibytes()} after the next')
        first = kibibytes()
expect(proxy.stat('listener.patient.ssl.connection_error'), 0)
