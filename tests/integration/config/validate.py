# SPDX-License-Identifier: Apache-2.0
"""--mode validate: OK line and 0, or the reason and 1; opens no port and creates no file."""
import os
import socket
import subprocess

from harness import *

taken = socket.create_server(('127.0.0.1', 0))
log = f'{TMP}/must-not-exist'
good = bootstrap([listener(hcm(access_log=[access_log(log)]), port=taken.getsockname()[1])], [cluster('up', 1)])
code, out, err = validate(good)
expect(code, 0, err)
expect_true(out.startswith("configuration '") and out.endswith("' OK\n"), out)
expect(os.path.exists(log), False, 'the access log was created')
path = write_config(good)
done = subprocess.run([binary('heirloom-proxy'), '-c', path, '--mode validate'], capture_output=True, text=True, timeout=60)
expect((done.returncode, done.stdout), (0, f"configuration '{path}' OK\n"), done.stderr)
code, out, err = validate(config(routes=[route(cluster='nowhere')]))
expect((code, out), (1, ''))
expect_in('nowhere', err)
