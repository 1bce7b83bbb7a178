# SPDX-License-Identifier: Apache-2.0
"""A port that somebody else holds: the proxy says which and exits 1."""
import socket

from harness import *

taken = socket.create_server(('127.0.0.1', 0))
port = taken.getsockname()[1]
proxy = Proxy(bootstrap([listener(port=port)], [cluster('up', 1)]), ready=False)
expect(proxy.wait(), 1)
expect_in(f'127.0.0.1:{port}', proxy.log)
expect_in('in use', proxy.log)
