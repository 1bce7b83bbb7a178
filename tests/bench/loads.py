# SPDX-License-Identifier: Apache-2.0
"""The scenarios of the bench and the programs that make their load, on the last core.

Over TLS the client decides, so that it is the same for all: TLS 1.3, TLS_AES_128_GCM_SHA256, X25519, and a certificate on
ECDSA P-256.
"""
import json
import os
import re
import subprocess
from collections import namedtuple

from harness.programs import BUILD, TMP

from .peer_configs import GRPC, LAST_OF_TABLE, LOG, PLAIN, ROUTES, TLS, TLS_TO_H2, TUNNEL
from .peers import LOAD_CORE

Measured = namedtuple('Measured', 'requests rate p99')  # p99 in ms, None where the program does not tell

OPENSSL_CONF = """openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


def run(*argv):
    path = f'{TMP}/openssl.cnf'
    if not os.path.exists(path):
        with open(path, 'w') as file:
            file.write(OPENSSL_CONF)
    done = subprocess.run(['taskset', '-c', LOAD_CORE, *map(str, argv)], capture_output=True, text=True,
                          env={**os.environ, 'OPENSSL_CONF': path})
    if done.returncode != 0:
        raise SystemExit(f'{" ".join(map(str, argv))}: {done.stdout}{done.stderr}')
    return done.stdout


def wrk(scheme, path, connections, *extra):
    def load(port, seconds):
        text = run('wrk', '-t1', f'-c{connections}', f'-d{seconds}s', '--latency', *extra, f'{scheme}://127.0.0.1:{port}{path}')
        bad = re.search(r'(Non-2xx.*|Socket errors: (?!connect 0, read \d+, write 0, timeout 0).*)', text)
        if bad:
            print(f'  warning: {bad.group(1)}')
        amount, unit = re.search(r'99%\s+([\d.]+)(us|ms|s)', text).groups()
        return Measured(int(re.search(r'(\d+) requests in', text).group(1)), float(re.search(r'Requests/sec:\s+([\d.]+)', text).group(1)),
                        float(amount) * {'us': 0.001, 'ms': 1, 's': 1000}[unit])
    return load


def posted(name, head, body):
    """Arguments that make wrk send this request, byte for byte, again and again."""
    path = f'{TMP}/{name}.lua'
    with open(path, 'w') as file:
        file.write(f'local body = {body}\nlocal text = "{head}\\r\\n" .. body\nrequest = function() return text end\n')
    return ['-s', path]


def big_heads():
    """8 KiB of fields, as cookies and tokens are."""
    return [part for i in range(16) for part in ('-H', f'x-field-{i}: ' + 'abcdefgh' * 62)]


POST = posted('post', r'POST / HTTP/1.1\r\nhost: bench\r\ncontent-length: 65536\r\n', 'string.rep("x", 65536)')
CHUNKED = posted('chunked', r'POST /chunks/16384 HTTP/1.1\r\nhost: bench\r\ntransfer-encoding: chunked\r\n',
                 'string.rep("1000\\r\\n" .. string.rep("x", 4096) .. "\\r\\n", 4) .. "0\\r\\n\\r\\n"')


def h2load(path, *extra):
    """How much: `-D seconds` or `-n requests`."""
    def load(port, *how_much):
        text = run('h2load', *extra, *how_much, '--tls13-ciphers=TLS_AES_128_GCM_SHA256', '--groups=X25519', f'https://127.0.0.1:{port}{path}')
        good, *others = (int(number) for number in re.findall(r'(\d+) [2345]xx', text))
        failed = int(re.search(r'(\d+) failed', text).group(1))
        if failed or sum(others):
            print(f'  warning: {failed} failed, {others} answered by 3xx, 4xx, 5xx')
        return Measured(good, float(re.search(r'finished in [\d.]+m?s, ([\d.]+) req/s', text).group(1)), None)
    return load


def timed(load):
    return lambda port, seconds: load(port, '-D', seconds)


def numbered(load):
    return lambda port, requests: load(port, '-n', requests)


def handshakes(unit, resume):
    """unit: --seconds or --requests."""
    def load(port, amount):
        told = json.loads(run(f'{BUILD}/tests/handshake_client', '--port', port, '--connections', 8, unit, amount, '--resume', int(resume)))
        if told['failed'] or told['resumed'] < (told['requests'] - 8 if resume else 0):
            print(f'  warning: {told}')
        return Measured(told['requests'], told['per_second'], told['p99_ms'])
    return load


def storm_client(port, requests):
    text = run(f'{BUILD}/tests/storm_client', '--port', port, '--path', '/bytes/3', '--busy', 16, '--requests', requests)
    return Measured(int(re.search(r'"requests":(\d+)', text).group(1)), None, None)


def grpc_call():
    path = f'{TMP}/call'
    with open(path, 'wb') as file:
        file.write(b'\0\0\0\0\x10' + b'question of call')
    return ['-d', path, '-H', 'content-type: application/grpc', '-H', 'te: trailers']


CALL = grpc_call()
# Under load: load(port, seconds). Without noise: count(port, requests) in two runs of (few, many) requests.
Scenario = namedtuple('Scenario', 'name title job load count few_many not_by', defaults=[None, None, ()])
SCENARIOS = [
    Scenario('plain', 'small keep-alive', PLAIN, wrk('http', '/', 32), storm_client, (2000, 6000)),
    Scenario('plain-1k', '1 KiB', PLAIN, wrk('http', '/bytes/1024', 32)),
    Scenario('plain-1m', '1 MiB', PLAIN, wrk('http', '/bytes/1048576', 8)),
    Scenario('plain-close', 'connection per request', PLAIN, wrk('http', '/', 16, '-H', 'Connection: close'),
             # The floor would only count connects upstream. nghttpx hands the header on, and 502 comes of it.
             not_by=('floor', 'nghttpx')),
    Scenario('routes', 'the last of 100 routes by expression and header', ROUTES,
             wrk('http', LAST_OF_TABLE[0], 32, '-H', LAST_OF_TABLE[1])),
    Scenario('heads', '8 KiB of request headers', PLAIN, wrk('http', '/', 32, *big_heads())),
    Scenario('post', '64 KiB of request body', PLAIN, wrk('http', '/', 32, *POST)),
    Scenario('chunked', '16 KiB both ways, in chunks of 4 KiB', PLAIN, wrk('http', '/', 32, *CHUNKED)),
    Scenario('log', 'small keep-alive, access log on', LOG, wrk('http', '/', 32)),
    Scenario('tls', 'TLS keep-alive, HTTP/1.1', TLS, wrk('https', '/', 32), numbered(h2load('/', '--h1', '-c16')), (2000, 6000)),
    Scenario('tls-1m', '1 MiB over TLS', TLS, wrk('https', '/bytes/1048576', 8)),
    Scenario('tls-full', 'TLS handshake per request', TLS, handshakes('--seconds', False), handshakes('--requests', False), (40, 120)),
    Scenario('tls-resumed', 'resumed TLS handshake per request', TLS, handshakes('--seconds', True), handshakes('--requests', True), (40, 120)),
    Scenario('h2', 'HTTP/2 over TLS, 16 connections x 16 streams (counted: 4 x 4)', TLS, timed(h2load('/', '-c16', '-m16')),
             numbered(h2load('/', '-c4', '-m4')), (2000, 6000)),
    Scenario('h2-h2', 'the same to an HTTP/2 upstream', TLS_TO_H2, timed(h2load('/', '-c16', '-m16')),
             numbered(h2load('/', '-c4', '-m4')), (2000, 6000)),
    Scenario('grpc', 'gRPC unary calls, 16 x 16 (counted: 4 x 4)', GRPC, timed(h2load('/bench.Echo/Unary', '-c16', '-m16', *CALL)),
             numbered(h2load('/bench.Echo/Unary', '-c4', '-m4', *CALL)), (2000, 6000)),
    Scenario('tunnel', 'TCP tunnel, 1 MiB each', TUNNEL, wrk('http', '/bytes/1048576', 8)),
]

# What is not a load alone.
OTHERS = ('idle', 'tail', 'scale', 'slow')


def chosen(only):
    """The scenarios named, comma separated; a name stands for those that begin with it and a hyphen, too."""
    names = [name for name in only.split(',') if name]
    unknown = [name for name in names if not any(s.name == name or s.name.startswith(name + '-') for s in SCENARIOS) and name not in OTHERS]
    if unknown:
        raise SystemExit(f'no scenario {", ".join(unknown)}; there are {", ".join(s.name for s in SCENARIOS)}, {", ".join(OTHERS)}')
    return [s for s in SCENARIOS if not names or any(s.name == name or s.name.startswith(name + '-') for name in names)]
