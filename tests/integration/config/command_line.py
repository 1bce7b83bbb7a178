# SPDX-License-Identifier: Apache-2.0
"""Versions, help and bad options of all three programs: texts and exit codes."""
import re
import subprocess

from harness import *

def run(name, *args):
    done = subprocess.run([binary(name), *args], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr

versions = set()
for name in ('heirloomd', 'heirloomctl', 'heirloom-proxy'):
    code, out, err = run(name, '--version')
    expect(code, 0, name)
    versions.add(re.search(r'\d+\.\d+\.\d+', out).group(0))
    code, out, err = run(name, '--help')
    expect((code, bool(out)), (0, True), name)
    code, out, err = run(name, '--no-such-option')
    expect_true(code != 0 and err and not out, f'{name}: {code} {out} {err}')
expect(len(versions), 1, f'one version number: {versions}')
out = run('heirloom-proxy', '--version')[1]
expect_true(re.fullmatch(r'\n\S*heirloom-proxy  version: [0-9a-f]+/\d+\.\d+\.\d+/\w+/RELEASE/\S+\n\n', out), repr(out))
code, _, err = run('heirloom-proxy')
expect(code, 1)
expect_true(err, 'it says what is missing')
code, _, err = run('heirloom-proxy', '-c', '/nonexistent.yaml')
expect(code, 1)
expect_in('/nonexistent.yaml', err)
code, _, err = run('heirloom-proxy', '-c', '/x', '-l', 'loud')
expect(code, 1)
expect_in("invalid log level specified 'loud'", err)
code, _, err = run('heirloom-proxy', '-c', '/x', '--enable-core-dump')
expect_true(code == 1 and '--enable-core-dump' in err, 'an option of Envoy without its feature is refused by name')
