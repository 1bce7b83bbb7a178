# SPDX-License-Identifier: Apache-2.0
"""The two programs under the same configuration, each with an upstream of its own that behaves alike."""
import re
import subprocess
import time

from harness import Program, Upstream, access_log, answer, wait_for, write_config
from harness.config import TMP
from harness.programs import Admin, _numbers, binary

# One line for each request; the client's port tells whose it is.
LINE = ('%DOWNSTREAM_REMOTE_PORT% %REQ(:METHOD)% %REQ(:AUTHORITY)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% '
        '%RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% %ROUTE_NAME% %CONNECTION_TERMINATION_DETAILS%\n')
# How each is started: neither restarts hot here, and one worker keeps the lines in order.
ARGUMENTS = ('--concurrency', '1', '--file-flush-interval-msec', '20', '--drain-time-s', '1')


def envoy_arguments():
    return ('--disable-hot-restart', '-l', 'error')


class Subject(Program, Admin):
    """One of the two, ready. `configuration(upstream_port, log)` returns the bootstrap."""

    def __init__(self, name, program, configuration):
        self.name, number = name, next(_numbers)
        self.access_log_path, self.admin_address_path = f'{TMP}/{name}-{number}.access', f'{TMP}/{name}-{number}.admin'
        open(self.access_log_path, 'w').close()
        self.next_port = {'envoy': 10000, 'heirloom': 21000}[name]  # below what the kernel gives by itself
        self.upstream = Upstream(answer(b'hello\n'))
        self.config_path = write_config(configuration(self.upstream.port, [access_log(self.access_log_path, LINE)]))
        super().__init__([program, '-c', self.config_path, '--admin-address-path', self.admin_address_path, *ARGUMENTS,
                          *(envoy_arguments() if name == 'envoy' else ())], name=name)

        def ready():
            if not self.is_running():
                raise AssertionError(f'{name} exited {self.process.returncode}:\n{self.log[-3000:]}')
            return self.is_ready()
        wait_for(f'{name} is ready', ready, 20)
        self.ports = self.listener_ports()

    def names_of_ports(self):
        """Port -> what it is, to be written in its place."""
        return {self.upstream.port: 'UPSTREAM', **{port: f'LISTENER_{name}' for name, port in self.ports.items()}}

    def counters(self):
        """The statistics when no connection is left, so that all that an exchange did is counted."""
        end = time.monotonic() + 1
        while True:
            seen = self.stats()
            busy = any(value for name, value in seen.items() if name.startswith('listener.') and name.endswith('.downstream_cx_active')
                       and not name.startswith('listener.admin'))
            if not busy or time.monotonic() > end:
                return seen
            time.sleep(0.005)

    def lines(self):
        """Client port -> the rest of its log lines. The port comes first, in JSON as `0`."""
        found = {}
        with open(self.access_log_path, errors='replace') as file:
            for line in file:
                port, rest = re.fullmatch(r'(?:\{"0":)?([^ ,]*)[ ,]?(.*)', line.rstrip('\n')).groups()
                found.setdefault(int(port) if port.isdigit() else port, []).append(rest)
        return found

    def end(self):
        self.upstream.close()
        super().end()


def verdict(name, program, bootstrap):
    """`--mode validate`: (accepted, what was said)."""
    path = write_config(bootstrap)
    done = subprocess.run([program, '-c', path, '--mode', 'validate', *(envoy_arguments() if name == 'envoy' else ())],
                          capture_output=True, text=True, timeout=60)
    return done.returncode == 0, (done.stderr.replace(path, 'FILE').strip().splitlines() or [''])[-1]


def programs(envoy):
    return {'envoy': envoy, 'heirloom': binary('heirloom-proxy')}


def version(program):
    return subprocess.run([program, '--version'], capture_output=True, text=True, timeout=30).stdout.strip()


__all__ = ['LINE', 'Subject', 'programs', 'verdict', 'version']
