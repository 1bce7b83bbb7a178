# SPDX-License-Identifier: Apache-2.0
"""What can be said but is not served yet is refused by name, by --mode validate as at the start: never served otherwise."""
from harness import *

cases = [
    (config(cluster('up', 9, **speaks('http2', connection_keepalive={'interval': '30s', 'timeout': '5s'}))),
     "cluster 'up': connection_keepalive is"),
]
for value, what in cases:
    code, _, err = validate(value)
    expect(code, 1, what)
    expect_in(f'{what} not served by this version', err)
    proxy = Proxy(value, ready=False)
    expect(proxy.wait(), 1, what)
    expect_in(f'{what} not served by this version', proxy.log)
