# SPDX-License-Identifier: Apache-2.0
"""What can be said but is not served yet is refused by name, by --mode validate as at the start: never served otherwise."""
from harness import *
from harness.config import EXTENSION

PLAIN = filter_chain(hcm(direct('/', 200)), {'transport_protocol': 'raw_buffer'})
TCP = {'name': 'envoy.filters.network.tcp_proxy', 'typed_config': {
    '@type': EXTENSION + 'filters.network.tcp_proxy.v3.TcpProxy', 'stat_prefix': 'tcp', 'cluster': 'up'}}
cases = [
    (bootstrap([listener(filter_chains=[PLAIN, filter_chain(TCP)])], [cluster('up', 9)]), "listener 'ingress': tcp_proxy is"),
]
for value, what in cases:
    code, _, err = validate(value)
    expect(code, 1, what)
    expect_in(f'{what} not served by this version', err)
    proxy = Proxy(value, ready=False)
    expect(proxy.wait(), 1, what)
    expect_in(f'{what} not served by this version', proxy.log)
