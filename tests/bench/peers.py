# SPDX-License-Identifier: Apache-2.0
"""The proxies that do the same job side by side: one worker, keep-alive both ways, x-forwarded-proto and x-request-id for
the upstream, no access log.

Each peer is a name and a command for (listen port, upstream port); configuration files go to a directory of its own.
`under`: a command prefix (taskset, valgrind, strace).
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import time

from harness import cluster, config, to_yaml
from harness.programs import BUILD, TMP, binary

NGINX = """daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
worker_rlimit_nofile 20000;
events {{ worker_connections 9000; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600; proxy_buffering on;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-Id $request_id; }} }}
}}
"""

HAPROXY = """global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  timeout http-keep-alive 3600s
  option http-keep-alive
  http-reuse always
frontend in
  bind 127.0.0.1:{port} backlog 4096
  http-request set-header x-forwarded-proto http
  http-request set-header x-request-id %[uuid]
  default_backend up
backend up
  server one 127.0.0.1:{upstream} maxconn 9000
"""


def write(directory, name, text):
    with open(f'{directory}/{name}', 'w') as file:
        file.write(text)
    return f'{directory}/{name}'


def bootstrap(port, upstream):
    value = config(cluster('up', upstream))
    value['static_resources']['listeners'][0]['address']['socket_address']['port_value'] = port
    return to_yaml(value)


def floor(directory, port, upstream):
    return [f'{BUILD}/tests/floor', str(port), str(upstream)]


def nginx(directory, port, upstream):
    return ['nginx', '-p', directory, '-c', write(directory, 'nginx.conf', NGINX.format(directory=directory, port=port, upstream=upstream))]


def haproxy(directory, port, upstream):
    return ['haproxy', '-db', '-f', write(directory, 'haproxy.cfg', HAPROXY.format(port=port, upstream=upstream))]


def envoy_program():
    return os.environ.get('ENVOY') or shutil.which('envoy')


def envoy(directory, port, upstream):
    path = write(directory, 'envoy.yaml', bootstrap(port, upstream))
    return [envoy_program(), '-c', path, '--concurrency', '1', '--disable-hot-restart', '-l', 'error']


def heirloom(directory, port, upstream):
    path = write(directory, 'heirloom.yaml', bootstrap(port, upstream))
    return [binary('heirloom-proxy'), '-c', path, '--concurrency', '1', '-l', 'error']


COMMANDS = {'floor': floor, 'nginx': nginx, 'haproxy': haproxy, 'envoy': envoy, 'heirloom': heirloom}


def available():
    """Names of the peers that can run here, ours last."""
    def is_there(name):
        return {'nginx': shutil.which('nginx'), 'haproxy': shutil.which('haproxy'), 'envoy': envoy_program(),
                'floor': os.path.exists(f'{BUILD}/tests/floor'), 'heirloom': os.path.exists(binary('heirloom-proxy'))}[name]
    return [name for name in COMMANDS if is_there(name)]


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


class Peer:
    def __init__(self, name, upstream_port, under=('taskset', '-c', '0')):
        self.name, self.port = name, free_port()
        directory = f'{TMP}/{name}-{self.port}'
        os.mkdir(directory)
        argv = [*under, *COMMANDS[name](directory, self.port, upstream_port)]
        with open(f'{directory}/log', 'wb') as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f'{name} does not start: {open(f"{directory}/log", errors="replace").read()[-2000:]}')
                time.sleep(0.02)

    def pids(self):
        """The whole tree."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                for task in os.listdir(f'/proc/{pid}/task'):
                    todo += map(int, open(f'/proc/{pid}/task/{task}/children').read().split())
            except OSError:
                pass
        return found

    def cpu_ns(self):
        """CPU time of all threads of the tree, to the nanosecond."""
        total = 0
        for pid in self.pids():
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/schedstat') as file:
                    total += int(file.read().split()[0])
        return total

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            with open(f'/proc/{pid}/smaps_rollup') as file:
                total += next(int(line.split()[1]) for line in file if line.startswith('Pss:'))
        return total

    def stop(self):
        # A tracer ends, with its report, when what it traces has ended.
        for pid in self.pids()[1:] if 'strace' in self.process.args[0] else [self.process.pid]:
            os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
