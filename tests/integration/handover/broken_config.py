# SPDX-License-Identifier: Apache-2.0
"""A broken config: reload fails with file, line and reason; the old generation serves on; then a good one works."""
from harness import *

good = config(routes=[direct('/', 200, 'old')])
supervisor = Supervisor(good)
port, pid = supervisor.port, supervisor.live()['pid']
write_config(to_yaml(good).replace('stat_prefix', 'stat_prefiks'), supervisor.config_path)
with Client(port) as client:
    expect(client.request('/').body, b'old')
    text = supervisor.failed_reload()
    expect_in('stat_prefiks', text)
    expect_in(supervisor.config_path, text)
    expect(client.request('/').body, b'old')
    expect_true(client.is_open(), 'the old connection lives on')
expect(supervisor.live()['pid'], pid)
write_config(config(routes=[direct('/', 200, 'new')]), supervisor.config_path)
supervisor.reload()
expect(get(port).body, b'new')
