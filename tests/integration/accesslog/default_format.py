# SPDX-License-Identifier: Apache-2.0
"""The default format is Envoy's line."""
import re

from harness import *

log = f'{TMP}/access'
upstream = Upstream()
proxy = Proxy(config(cluster('up', upstream.port), access_log=[access_log(log)]), '--file-flush-interval-msec', '50')
request(proxy.port, '/a?b=1', 'POST', {'user-agent': 'scenario'}, b'12345', host='example.org')
line = wait_for('a line', lambda: open(log).read())
expect_true(re.fullmatch(r'\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\] "POST /a\?b=1 HTTP/1\.1" 200 - 5 6 \d+ \d+ "-" "scenario" '
                         rf'"[0-9a-f-]{{36}}" "example\.org" "127\.0\.0\.1:{upstream.port}"\n', line), repr(line))
