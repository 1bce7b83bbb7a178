# SPDX-License-Identifier: Apache-2.0
"""What can be said but is not served yet is refused by name, by --mode validate as at the start: never served otherwise."""
from harness import *
from harness.config import EXTENSION

INSPECTOR = {'name': 'envoy.filters.listener.tls_inspector', 'typed_config': {
    '@type': EXTENSION + 'filters.listener.tls_inspector.v3.TlsInspector'}}
matching = listener(hcm(direct('/', 200)))
matching['filter_chains'][0]['filter_chain_match'] = {'destination_port': 80}
cases = [
    (bootstrap([listener(hcm(direct('/', 200)), listener_filters=[INSPECTOR])], []), "listener 'ingress': tls_inspector is"),
    (bootstrap([matching], []), "listener 'ingress': filter_chain_match is"),
    (config(cluster('up', 9), http2_protocol_options={'connection_keepalive': {'interval': '30s', 'timeout': '5s'}}),
     "listener 'ingress': connection_keepalive is"),
]
for value, what in cases:
    code, _, err = validate(value)
    expect(code, 1, what)
    expect_in(f'{what} not served by this version', err)
    proxy = Proxy(value, ready=False)
    expect(proxy.wait(), 1, what)
    expect_in(f'{what} not served by this version', proxy.log)
