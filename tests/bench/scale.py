# SPDX-License-Identifier: Apache-2.0
"""What a large configuration costs, ours and Envoy's by the same files: until ready, memory, and CPU per request through the
last entry; with nothing of it used otherwise."""
import os
import time
import urllib.request

from harness import bootstrap, cluster, hcm, listener, route, to_yaml
from harness.programs import TMP, binary

from .loads import wrk
from .peer_configs import envoy_program
from .peers import Process, free_port

LISTENERS, ROUTES, CLUSTERS = 1000, 10000, 5000


def small(port, upstream, admin):
    return bootstrap([listener(port=port)], [cluster('up', upstream)], admin)


def listeners(port, upstream, admin):
    """On sockets of the file system: no port is in another's way."""
    more = [listener(hcm(stat_prefix=f'l{i}'), name=f'l{i}', pipe=f'@{TMP}/scale-{i}') for i in range(LISTENERS - 1)]
    return bootstrap([*more, listener(port=port)], [cluster('up', upstream)], admin)


def routes(port, upstream, admin):
    table = [route(f'/service-{i}/') for i in range(ROUTES - 1)]
    return bootstrap([listener(hcm(*table, route('/')), port=port)], [cluster('up', upstream)], admin)


def clusters(port, upstream, admin):
    return bootstrap([listener(port=port)], [*(cluster(f'c{i}', upstream) for i in range(CLUSTERS - 1)), cluster('up', upstream)], admin)


SIZES = [('small', small, 1), (f'{LISTENERS:,} listeners', listeners, LISTENERS), (f'{ROUTES:,} routes', routes, ROUTES),
         (f'{CLUSTERS:,} clusters', clusters, CLUSTERS)]


def commands():
    found = {'heirloom': [binary('heirloom-proxy'), '--concurrency', '1', '-l', 'error']}
    if envoy_program():
        found['envoy'] = [envoy_program(), '--concurrency', '1', '--disable-hot-restart', '-l', 'error']
    return found


def wait_ready(admin):
    while True:
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{admin}/ready', timeout=60) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.002)


class Figures:
    def __init__(self, argv, make, upstream):
        port, admin = free_port(), free_port()
        path = f'{TMP}/scale.yaml'
        with open(path, 'w') as file:
            file.write(to_yaml(make(port, upstream, admin)))
        directory = f'{TMP}/scale-{port}'
        os.mkdir(directory)
        begin = time.monotonic()
        self.process = Process(directory, ['taskset', '-c', '0', *argv, '-c', path], admin)
        wait_ready(admin)
        self.ready_ms = (time.monotonic() - begin) * 1000
        self.pss_kib = self.process.pss_kib()
        load = wrk('http', '/', 32)
        load(port, 1)
        before = self.process.cpu_ns()
        requests = load(port, 2).requests
        self.cpu_us = (self.process.cpu_ns() - before) / 1000 / requests
        self.process.stop()


def table(upstream, row):
    """row(label, cells) prints."""
    row('', ['ready ms', 'PSS MiB', 'KiB each', 'CPU us'])
    for name, argv in commands().items():
        base = None
        for title, make, number in SIZES:
            one = Figures(argv, make, upstream)
            base = base or one.pss_kib
            each = f'{(one.pss_kib - base) / number:.2f}' if number > 1 else '–'
            row(f'{name}: {title}', [f'{one.ready_ms:.0f}', f'{one.pss_kib / 1024:.1f}', each, f'{one.cpu_us:.1f}'])
