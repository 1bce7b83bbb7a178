# SPDX-License-Identifier: Apache-2.0
"""The stdout sink writes whole lines to the standard output."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200)], access_log=[stdout_log('seen %REQ(:PATH)%\n')]), '--file-flush-interval-msec', '20')
get(proxy.port, '/a')
proxy.wait_log('seen /a\n')
