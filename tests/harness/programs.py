# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of the chosen build (HEIRLOOM_BUILD) and asks them where they are and how they feel."""
import atexit
import json
import os
import resource
import signal
import subprocess
import tempfile
import itertools

from .client import request
from .config import TMP, write_config
from .waiting import FACTOR, expect, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('HEIRLOOM_BUILD') or f'{ROOT}/build/release')
_numbers = itertools.count(1)
_running = []


def binary(name):
    return f'{BUILD}/bin/{name}'


def end_all():
    for program in _running:
        program.end()


atexit.register(end_all)


class Program:
    """One process with its output in TMP/NAME-N.log. limits: {resource.RLIMIT_x: n}, set in the child."""

    stop_signal = signal.SIGTERM

    def __init__(self, argv, env=None, limits=None, name=None, cwd=None):
        self.log_path = f'{TMP}/{name or os.path.basename(argv[0])}-{next(_numbers)}.log'
        self.argv = argv

        def prepare():
            for kind, value in (limits or {}).items():
                resource.setrlimit(kind, (value, value))
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=cwd,
                                            env={**os.environ, **(env or {})}, preexec_fn=prepare if limits else None)
        _running.append(self)

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with open(self.log_path, errors='replace') as file:
            return file.read()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=20):
        """Exit code; negative signal number when it was killed."""
        try:
            return self.process.wait(deadline * FACTOR)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'{self.argv[0]} (pid {self.pid}) did not exit within {deadline * FACTOR} s')

    def is_running(self):
        return self.process.poll() is None

    def wait_log(self, text, deadline=10):
        wait_for(f'"{text}" in {self.log_path}', lambda: text in self.log, deadline)

    def end(self):
        if self.is_running():
            self.signal(self.stop_signal)
            try:
                self.process.wait(10 * FACTOR)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Admin:
    """Asks a proxy's admin interface; `admin_address` is where it is now."""

    admin_address_path = None

    @property
    def admin_address(self):
        text = open(self.admin_address_path).read().strip()
        return text if text.startswith(('/', '@')) else (text.rsplit(':', 1)[0].strip('[]'), int(text.rsplit(':', 1)[1]))

    def admin(self, path, method='GET'):
        return request(self.admin_address, path, method)

    def admin_json(self, path):
        return json.loads(self.admin(path).body)

    def is_ready(self):
        return os.path.exists(self.admin_address_path) and self.admin('/ready').status == 200

    def listener_ports(self):
        """Listener name -> port as bound."""
        statuses = self.admin_json('/listeners?format=json')['listener_statuses']
        return {status['name']: status['local_address'].get('socket_address', {}).get('port_value') for status in statuses}

    def port_of(self, name):
        return self.listener_ports()[name]

    @property
    def port(self):
        """Port of the first listener with one. Asked once: a listening socket outlives its generation."""
        if not getattr(self, '_port', None):
            self._port = next(port for port in self.listener_ports().values() if port)
        return self._port

    def stats(self):
        """name -> value of counters and gauges."""
        lines = (line.rsplit(': ', 1) for line in self.admin('/stats').body.decode().splitlines())
        return {name: int(value) for name, value in lines if value.isdigit()}

    def stat(self, name):
        return self.stats().get(name, 0)

    def wait_stat(self, name, predicate, deadline=10):
        """Waits until predicate(value), or equality with a number."""
        check = predicate if callable(predicate) else lambda value: value == predicate
        wait_for(f'stat {name}', lambda: check(self.stat(name)), deadline)
        return self.stat(name)

    def epoch(self):
        return self.admin_json('/server_info')['command_line_options']['restart_epoch']


class Proxy(Program, Admin):
    """heirloom-proxy alone. config: dict, or YAML text. Waits until it is ready."""

    def __init__(self, config, *args, ready=True, **how):
        self.config_path = write_config(config)
        self.admin_address_path = f'{TMP}/admin-{next(_numbers)}'
        super().__init__([binary('heirloom-proxy'), '-c', self.config_path, '--admin-address-path', self.admin_address_path,
                          *(() if '--concurrency' in args else ('--concurrency', '2')), *args], **how)
        if ready:
            self.wait_ready()

    def wait_ready(self):
        def state():
            if not self.is_running():
                raise AssertionError(f'heirloom-proxy exited {self.process.returncode}:\n{self.log}')
            return self.is_ready()
        wait_for('proxy is ready', state, 20)


def validate(config, *args):
    """heirloom-proxy --mode validate: (exit code, stdout, stderr)."""
    path = write_config(config)
    done = subprocess.run([binary('heirloom-proxy'), '-c', path, '--mode', 'validate', *args], capture_output=True, text=True,
                          timeout=30 * FACTOR)
    return done.returncode, done.stdout, done.stderr.replace(path, 'FILE')


class Supervisor(Program, Admin):
    """heirloomd with heirloom-proxy. `command` replaces the proxy's command line; `flags` are heirloomd's own."""

    stop_signal = signal.SIGINT  # at the end of a scenario nobody waits for a drain

    def __init__(self, config, *args, flags=(), command=None, live=True, **how):
        self.run_dir = tempfile.mkdtemp(prefix='run-', dir=TMP)
        self.config_path = write_config(config)
        self.admin_address_path = f'{self.run_dir}/admin'
        usual = [] if '--drain-time-s' in args else ['--drain-time-s', '2', '--parent-shutdown-time-s', '20']
        usual += [] if '--concurrency' in args else ['--concurrency', '2']
        child = command or [binary('heirloom-proxy'), '-c', self.config_path, '--admin-address-path', self.admin_address_path,
                            *usual, *args]
        super().__init__([binary('heirloomd'), '--run-dir', self.run_dir, *flags, '--', *child], **how)
        if live:
            self.wait_live()

    def wait_live(self, epoch=None):
        def state():
            if not self.is_running():
                raise AssertionError(f'heirloomd exited {self.process.returncode}:\n{self.log}')
            code, out, _ = self.ctl('status', json_output=True)
            one = next((one for one in json.loads(out)['generations'] if one['state'] == 'live'), None) if code == 0 else None
            return one and (epoch is None or one['epoch'] == epoch) and one
        return wait_for(f'generation {"" if epoch is None else epoch} is live', state, 20)

    def ctl(self, *args, json_output=False, deadline=90):
        """heirloomctl: (exit code, stdout, stderr)."""
        argv = [binary('heirloomctl'), '--run-dir', self.run_dir, *(['--json'] if json_output else []), *args]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=deadline * FACTOR)
        return done.returncode, done.stdout, done.stderr

    def start_ctl(self, *args):
        """heirloomctl beside us: a Popen with text pipes."""
        return subprocess.Popen([binary('heirloomctl'), '--run-dir', self.run_dir, *args], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def status(self):
        code, out, err = self.ctl('status', json_output=True)
        expect(code, 0, f'status: {err}')
        return json.loads(out)

    def generations(self):
        return self.status()['generations']

    def live(self):
        return next((one for one in self.generations() if one['state'] == 'live'), None)

    def reload(self):
        """Reloads and expects success; returns the output."""
        code, out, err = self.ctl('reload')
        expect(code, 0, f'reload: {out}{err}{self.log}')
        return out

    def failed_reload(self):
        """Reloads and expects failure; returns what was printed."""
        code, out, err = self.ctl('reload')
        expect(code == 0, False, f'this reload had to fail: {out}')
        return out + err

    def segment_stat(self, name):
        """A number read from the segment by heirloomctl."""
        code, out, err = self.ctl('stats', name, json_output=True)
        expect(code, 0, f'stats: {err}')
        return find_stat(json.loads(out), name)


def find_stat(answer, name):
    """The value of `name` in the JSON of `heirloomctl --json stats`."""
    stats = answer.get('stats', answer)
    if isinstance(stats, dict):
        return int(stats.get(name, 0))
    return next((int(one['value']) for one in stats if one['name'] == name), 0)


class StormClient(Program):
    """One of the storm's clients against a port, a tool of the build or `harness.MODULE`; stop() returns its counts."""

    def __init__(self, tool, port, *args):
        # The system's Python: it has the Debian packages.
        start = ['/usr/bin/python3', '-m', tool] if tool.startswith('harness.') else [f'{BUILD}/tests/{tool}']
        super().__init__([*start, '--port', str(port), *(str(arg) for arg in args), '--progress'], name=tool,
                         env={'PYTHONPATH': f'{ROOT}/tests'})

    def counts(self):
        lines = [line for line in self.log.splitlines() if line.startswith('{') and line.endswith('}')]
        return json.loads(lines[-1]) if lines else {'requests': 0}

    def wait_requests(self, more=200):
        """Waits until that many more requests were answered."""
        start = self.counts()['requests']
        wait_for(f'{more} more requests', lambda: self.counts()['requests'] >= start + more, 20)

    def stop(self):
        self.signal(signal.SIGTERM)
        self.wait(30)
        counts = self.counts()
        expect(counts.get('final'), True, f'{self.argv[0]} says its last figures: {self.log[-2000:]}')
        return counts


class Load(StormClient):
    """HTTP/1 clients of three sorts: busy, fresh, sleepy."""

    def __init__(self, port, busy=4, fresh=1, sleepy=10, path='/bytes/100', seconds=0):
        super().__init__('storm_client', port, '--busy', busy, '--fresh', fresh, '--sleepy', sleepy, '--path', path, '--seconds', seconds)

    def stop_without_loss(self):
        counts = self.stop()
        expect((counts['failures'], counts['idle_closed']), (0, 0), f'lost requests: {counts}')
        return counts


class FastUpstream(Program):
    """The C++ upstream of the storm: `/bytes/N`, any other path gives ok."""

    def __init__(self):
        super().__init__([f'{BUILD}/tests/upstream'])
        self.port = wait_port(self)


class EchoUpstream(Program):
    """The C++ upstream of what lasts: echoes tunnels (upgrade or raw), or with http2 gRPC streams."""

    def __init__(self, http2=False):
        super().__init__([f'{BUILD}/tests/echo_upstream', *(['--http2'] if http2 else [])])
        self.port = wait_port(self)


def wait_port(program):
    wait_for('upstream listens', lambda: 'port ' in program.log)
    return int(program.log.split()[1])
