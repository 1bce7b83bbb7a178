# SPDX-License-Identifier: Apache-2.0
"""Each wrong config is an error with file, line, column and field path, and exit code 1. Nothing is silently accepted."""
import re

from harness import *

good = to_yaml(config(cluster('up', 1)))
cases = [
    (good.replace('stat_prefix:', 'stat_prefiks:'), 'stat_prefiks'),                    # unknown field
    (good.replace('connect_timeout: "5s"', 'connect_timeout: "soon"'), 'connect_timeout'),
    (good.replace('connect_timeout: "5s"', 'lrs_server: {self: {}}'), 'lrs_server'),     # Envoy has it, we do not
    (good.replace('port_value: 0', 'port_value: 70000', 1), 'port_value'),
    (good.replace('type: "STATIC"', 'type: "MAGIC"'), 'type'),
    (good.replace('.HttpConnectionManager"', '.HttpConnectionMangler"'), 'HttpConnectionMangler'),
    (good.replace('filters.http.router.v3.Router', 'filters.http.wasm.v3.Wasm'), 'Wasm'),
    (good.replace('address: "127.0.0.1"', 'address: "localhost"', 1), 'localhost'),
]
for text, part in cases:
    expect_true(text != good, part)
    code, out, err = validate(text)
    expect((code, out), (1, ''), part)
    expect_in(part, err)
    expect_true(re.search(r'FILE:\d+:\d+: ', err), f'line and column: {err}')
for text in ('', '{', 'a: [', '\x00\x01', 'admin: {{}}', '- 1\n- 2\n', good.replace('- name: "up"', '- name: "up"\n     bad: x')):
    code, out, err = validate(text)
    expect_true(code == 1 or text == '', f'{text[:20]!r}: exit {code}: {err}')
    expect(out == '' or text == '', True)
