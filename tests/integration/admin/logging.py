# SPDX-License-Identifier: Apache-2.0
"""/logging shows and sets levels; a wrong level is refused."""
from harness import *

proxy = Proxy(config(routes=[direct('/', 200)]))
expect_in(b'http: info', proxy.admin('/logging', 'POST').body)
expect_in(b'http: debug', proxy.admin('/logging?http=debug', 'POST').body)
expect_in(b'upstream: info', proxy.admin('/logging', 'POST').body)
expect_in(b'upstream: trace', proxy.admin('/logging?level=trace', 'POST').body)
expect(proxy.admin('/logging?level=loud', 'POST').status, 400)
