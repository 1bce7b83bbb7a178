# SPDX-License-Identifier: Apache-2.0
"""Boots a real systemd in a container over an overlay of `/`: nothing is installed or changed outside of it.

    with Machine() as machine:             # skips the scenario, with the reason, where it cannot work
        machine.write('/etc/x', 'text')
        machine.boot()
        machine.run('systemctl', 'start', 'heirloom')

The network is shared, so a plain connect to 127.0.0.1 reaches a service inside.
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import uuid

from .config import TMP, to_yaml
from .programs import ROOT
from .waiting import needs_root, skip, wait_for

TARGET = """[Unit]
Description=Scenario
Requires=dbus.service
After=dbus.service
"""
# Units of the host's image that would touch the machine we share a kernel and a network with, or only cost time.
MASKED = ['systemd-resolved', 'systemd-networkd', 'systemd-timesyncd', 'systemd-udevd', 'systemd-logind', 'systemd-sysctl',
          'systemd-modules-load', 'systemd-random-seed', 'systemd-udev-trigger', 'systemd-binfmt', 'systemd-update-utmp',
          'systemd-firstboot', 'ldconfig', 'systemd-hwdb-update', 'systemd-journal-catalog-update']


def mount(*arguments):
    done = subprocess.run(['mount', *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        skip(f'cannot mount: {done.stderr.strip()}')


def free_low_port():
    """A port below 1024 that nobody has, nor the next one: binding it takes the capability that the unit gives."""
    needs_root('boots a systemd in a container')
    for number in range(100):
        port = 600 + (os.getpid() * 2 + number * 2) % 400  # two scenarios at once do not meet
        try:
            for one in (port, port + 1):
                socket.create_server(('127.0.0.1', one)).close()
            return port
        except OSError:
            continue
    skip('no port below 1024 is free')


class Machine:
    def __init__(self):
        needs_root('boots a systemd in a container')
        for program in ('systemd-nspawn', 'nsenter', 'dbus-daemon'):
            if not shutil.which(program):
                skip(f'{program} is not there')
        self.base = f'{TMP}/machine'
        self.root = f'{self.base}/root'
        self.console = f'{TMP}/console.log'
        self.process, self.leader = None, None

    def __enter__(self):
        os.makedirs(self.base)
        # A file system of its own: an overlay cannot have its upper layer on another overlay.
        mount('-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', self.base)
        for name in ('upper', 'work', 'root'):
            os.mkdir(f'{self.base}/{name}')
        mount('-t', 'overlay', 'overlay', '-o', f'lowerdir=/,upperdir={self.base}/upper,workdir={self.base}/work', self.root)
        shutil.rmtree(f'{self.root}/etc/systemd/system', ignore_errors=True)
        self.write('/etc/systemd/system/scenario.target', TARGET)
        self.write('/etc/machine-id', uuid.uuid4().hex + '\n')
        for unit in MASKED:
            os.symlink('/dev/null', f'{self.root}/etc/systemd/system/{unit}.service')
        return self

    def write(self, path, text, mode=0o644):
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.islink(full):
            os.unlink(full)
        with open(full, 'w') as file:
            file.write(text)
        os.chmod(full, mode)

    def read(self, path):
        with open(self.root + path, errors='replace') as file:
            return file.read()

    def install(self, build):
        """make install of the chosen build into the machine."""
        mode = os.path.basename(build)
        done = subprocess.run(['make', '-s', '-C', ROOT, f'MODE={mode}', f'DESTDIR={self.root}', '-o', 'all', 'install'], capture_output=True,
                              text=True, env={key: value for key, value in os.environ.items() if key not in ('MAKEFLAGS', 'MFLAGS')})
        if done.returncode != 0:
            raise AssertionError(f'make install: {done.stdout}{done.stderr}')
        if mode != 'release':
            # The leak check traces its own process, which the unit's system call filter forbids; the rest of a sanitizer works.
            self.write('/etc/systemd/system/heirloom.service.d/sanitizer.conf', '[Service]\n' + ''.join(
                f'Environment={name}=log_path=/var/log/envoy/sanitizer{more}\n'
                for name, more in (('ASAN_OPTIONS', ':detect_leaks=0'), ('UBSAN_OPTIONS', ':print_stacktrace=1'), ('TSAN_OPTIONS', ''))))

    def boot(self):
        with open(self.console, 'wb') as console:
            self.process = subprocess.Popen(
                ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '-b', '-D', self.root, '--machine=heirloom-scenario',
                 '--console=pipe', 'systemd.unit=scenario.target'], stdout=console, stderr=console, stdin=subprocess.DEVNULL)

        def find_leader():
            if self.process.poll() is not None:
                skip(f'systemd-nspawn does not work here: {open(self.console, errors="replace").read().strip()[-300:]}')
            children = open(f'/proc/{self.process.pid}/task/{self.process.pid}/children').read().split()
            return next((int(pid) for pid in children if open(f'/proc/{pid}/comm').read() == 'systemd\n'), None)
        self.leader = wait_for('pid 1 of the machine', find_leader, 20)
        wait_for('the machine has booted', lambda: self.run('systemctl', 'is-system-running').stdout.strip() in ('running', 'degraded'),
                 30)

    def run(self, *argv, deadline=120):
        """Runs a command inside; returns the CompletedProcess (text)."""
        inside = ['nsenter', '-t', str(self.leader), '-m', '-p', '-u', '-i', '-C', *argv]
        environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', 'SYSTEMD_PAGER': '', 'HEIRLOOM_TMP': TMP}
        return subprocess.run(inside, capture_output=True, text=True, timeout=deadline, env=environment)

    def must(self, *argv):
        done = self.run(*argv)
        if done.returncode != 0:
            raise AssertionError(f'{" ".join(argv)}: exit {done.returncode}: {done.stdout}{done.stderr}')
        return done.stdout

    def serve(self, config_value, build, name='heirloom'):
        """Installs the build, writes the config where the unit looks for it, boots and starts the service."""
        self.install(build)
        self.configure(config_value)
        self.boot()
        self.must('systemctl', 'start', name)

    def configure(self, config_value):
        self.write('/etc/envoy/envoy.yaml', config_value if isinstance(config_value, str) else to_yaml(config_value))

    def property(self, name, unit='heirloom'):
        return self.must('systemctl', 'show', '-p', name, '--value', unit).strip()

    def generations(self):
        return json.loads(self.must('heirloomctl', '--json', 'status'))['generations']

    def live(self):
        return next((one for one in self.generations() if one['state'] == 'live'), None)

    def kill(self, pid, number):
        """pid as seen inside."""
        self.must('kill', f'-{number}', str(pid))

    def journal(self, unit):
        return self.run('journalctl', '--no-pager', '-u', unit).stdout

    def __exit__(self, kind, *_):
        if self.leader and kind and issubclass(kind, AssertionError):
            print(self.run('journalctl', '--no-pager', '-n', '400').stdout)
        if self.leader:
            try:
                os.kill(self.leader, signal.SIGRTMIN + 4)  # poweroff
                self.process.wait(20)
            except (OSError, subprocess.TimeoutExpired):
                pass
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for report in glob.glob(f'{self.root}/var/log/envoy/sanitizer*'):
            shutil.copy(report, TMP)  # where the runner looks for them
        for path in (self.root, self.base):
            subprocess.run(['umount', '-R', '-l', path], capture_output=True)
