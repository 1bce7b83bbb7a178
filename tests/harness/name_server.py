# SPDX-License-Identifier: Apache-2.0
"""A DNS server for scenarios that run in a network and mount namespace of their own."""
import collections
import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

from .config import TMP
from .waiting import needs_root, skip

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def own_network():
    """Begins the scenario again in a network and mount namespace of its own, where there is nobody on any port."""
    needs_root('it makes a network of its own')
    if 'HEIRLOOM_OWN_NET' in os.environ:
        return
    if subprocess.run(['unshare', '--net', '--mount', 'true'], capture_output=True).returncode:
        skip('there are no namespaces to be had here')
    os.environ['HEIRLOOM_OWN_NET'] = '1'
    os.execvp('unshare', ['unshare', '--net', '--mount', sys.executable, *sys.argv])


class NameServer:
    """Answers on 127.0.0.1:53, and makes /etc/resolv.conf of this namespace say so. answers: name -> lists of IPv4 addresses,
    each answer takes the next one, round and round. asked: name -> how often."""

    def __init__(self):
        self.answers, self.asked = {}, collections.Counter()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack('16sh', b'lo', IFF_UP))
        with open(f'{TMP}/resolv.conf', 'w') as file:
            file.write('nameserver 127.0.0.1\n')
        subprocess.run(['mount', '--bind', file.name, os.path.realpath('/etc/resolv.conf')], check=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += query[at] + 1
            name, kind = '.'.join(labels), query[at + 2]
            turns = self.answers.get(name, [])
            addresses = turns[self.asked[name] % len(turns)] if turns and kind == 1 else []
            self.asked[name] += 1
            records = b''.join(struct.pack('>HHHIH4s', 0xC00C, 1, 1, 0, 4, socket.inet_aton(address)) for address in addresses)
            code = 0x8180 if turns else 0x8183
            self.socket.sendto(query[:2] + struct.pack('>HHHHH', code, 1, len(addresses), 0, 0) + query[12:at + 5] + records, peer)
