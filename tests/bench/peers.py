# SPDX-License-Identifier: Apache-2.0
"""A proxy that runs, pinned or under a tracer, with what its process tree costs; and the upstreams behind it."""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import time

from harness.programs import BUILD, TMP

from .peer_configs import COMMANDS

LOAD_CORE = str(os.cpu_count() - 1)


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


def wait_listening(port, process, what):
    end = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(('127.0.0.1', port)).close()
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f'{what} does not start: {open(f"{what}/log", errors="replace").read()[-2000:]}')
            time.sleep(0.02)


class Process:
    """argv of a directory of its own; `listens` on a port when made."""

    def __init__(self, directory, argv, port):
        self.port = port
        with open(f'{directory}/log', 'wb') as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        atexit.register(self.process.kill)
        wait_listening(port, self.process, directory)

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
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Upstream(Process):
    """Cheap, on the core of the load: `/` is answered by a few bytes, `/bytes/N` (http1 and tcp) by N bytes."""

    def __init__(self, speaks):
        port, directory = free_port(), f'{TMP}/upstream-{speaks}'
        os.makedirs(f'{directory}/bench.Echo')
        argv = [f'{BUILD}/tests/upstream', '--port', str(port)]
        if speaks in ('h2', 'grpc'):
            files = {'index.html': b'ok\n', 'bench.Echo/Unary': b'\0\0\0\0\x10' + b'answer of a call', 'types': b'application/grpc grpc\n'}
            for name, content in files.items():
                with open(f'{directory}/{name}', 'wb') as file:
                    file.write(content)
            argv = ['nghttpd', '--no-tls', '-a', '127.0.0.1', '-m', '1000', '-d', directory]
            if speaks == 'grpc':
                argv += ['--no-content-length', '--trailer=grpc-status: 0', f'--mime-types-file={directory}/types']
            argv.append(str(port))
        super().__init__(directory, ['taskset', '-c', LOAD_CORE, *argv], port)


class Peer(Process):
    """`under`: a command prefix (taskset, valgrind, strace)."""

    def __init__(self, name, job, upstream, certificate, under=('taskset', '-c', '0')):
        port = free_port()
        self.name, self.directory = name, f'{TMP}/{name}-{port}'
        os.mkdir(self.directory)
        super().__init__(self.directory, [*under, *COMMANDS[name](self.directory, job, port, upstream.port, certificate)], port)

    def stop(self):
        # A tracer ends, with its report, when what it traces has ended.
        for pid in self.pids()[1:] if 'strace' in self.process.args[0] else []:
            os.kill(pid, signal.SIGTERM)
        if 'strace' in self.process.args[0]:
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
        super().stop()


def can_do(name, job, certificate):
    """Whether the peer is here and knows the job. Ours says so itself: it refuses what it does not serve."""
    directory = f'{TMP}/try'
    os.makedirs(directory, exist_ok=True)
    argv = COMMANDS[name](directory, job, 1, 1, certificate)
    able = argv is not None
    if name == 'heirloom':
        done = subprocess.run([*argv, '--mode', 'validate'], capture_output=True, text=True)
        able = done.returncode == 0
        if not able:
            print(f'  heirloom cannot: {done.stderr.strip()}')
    shutil.rmtree(directory)
    return able
