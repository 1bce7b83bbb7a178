# SPDX-License-Identifier: Apache-2.0
"""The program file is gone: reload fails and says so; the old generation serves on."""
import os

from harness import *

link = f'{TMP}/heirloom-proxy'
os.symlink(binary('heirloom-proxy'), link)
path, admin = write_config(config(routes=[direct('/', 200, 'ok')])), f'{TMP}/admin'
supervisor = Supervisor('', command=[link, '-c', path, '--admin-address-path', admin])
supervisor.admin_address_path = admin
port = supervisor.port
os.unlink(link)
expect_in('No such file', supervisor.failed_reload())
expect(get(port).body, b'ok')
os.symlink(binary('heirloom-proxy'), link)
supervisor.reload()
expect(get(port).body, b'ok')
