# SPDX-License-Identifier: Apache-2.0
"""A statsd server that adds up what it hears, and the configuration of sinks that tell it."""
import socket
import threading
import time

from .config import socket_address
from .waiting import wait_for

METRICS = 'type.googleapis.com/envoy.config.metrics.v3.'


def statsd(port=None, cluster=None, **fields):
    """A sink: datagrams to a port of 127.0.0.1, or lines over TCP to a cluster."""
    where = {'tcp_cluster_name': cluster} if cluster else {'address': socket_address('127.0.0.1', port, protocol='UDP')}
    return {'name': 'envoy.stat_sinks.statsd', 'typed_config': {'@type': METRICS + 'StatsdSink', **where, **fields}}


def dog_statsd(port, **fields):
    return {'name': 'envoy.stat_sinks.dog_statsd', 'typed_config': {
        '@type': METRICS + 'DogStatsdSink', 'address': socket_address('127.0.0.1', port, protocol='UDP'), **fields}}


class StatsdServer:
    """counters: name -> sum; gauges: name -> last; values: name -> list. The name has its tags, as told: `a.b#t:v,u:w`."""

    def __init__(self, tcp=False):
        self.counters, self.gauges, self.values, self.datagrams, self.heard = {}, {}, {}, [], 0.0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        if tcp:
            self.socket.listen()
        else:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        threading.Thread(target=self._streams if tcp else self._datagrams, daemon=True).start()

    def _datagrams(self):
        while True:
            data = self.socket.recv(1 << 16).decode()
            self.datagrams.append(data)
            for line in data.split('\n'):
                self._take(line)

    def _streams(self):
        while True:
            for line in self.socket.accept()[0].makefile():
                self._take(line.rstrip('\n'))

    def _take(self, line):
        head, kind, *tags = line.split('|')
        name, _, value = head.rpartition(':')
        name += tags[0] if tags else ''
        self.heard = time.monotonic()
        if kind == 'c':
            self.counters[name] = self.counters.get(name, 0) + int(value)
        elif kind == 'g':
            self.gauges[name] = int(value)
        else:
            self.values.setdefault(name, []).append((value, kind))

    def wait_counter(self, name, value):
        wait_for(f'statsd {name} {value}, not {self.counters.get(name)}', lambda: self.counters.get(name) == value)

    def wait_flush(self):
        """Until a flush that begins after this call is over: the lines come all at once, and then nothing for a while."""
        begin = time.monotonic()
        wait_for('a flush', lambda: self.heard > begin)
        wait_for('the end of the flush', lambda: time.monotonic() > self.heard + 0.03)
