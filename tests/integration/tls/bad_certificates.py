# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a certificate, a key or a CA is an error of --mode validate and of the start, with its place."""
import os

from harness import *

one, two = Authority(), Authority()
mixed = one.issue('a.example')
mixed.key = two.issue('a.example').key
garbage = f'{TMP}/garbage.pem'
with open(garbage, 'w') as file:
    file.write('nothing\n')
cases = [
    (upstream_tls(one, certificate=mixed), 'tls_certificates[0]: Failed to load private key'),
    (upstream_tls(validation_context={'trusted_ca': {'filename': garbage}}),
     'validation_context: Failed to load trusted CA certificates'),
    (upstream_tls(one, tls_params={'cipher_suites': ['NO-SUCH-CIPHER']}), 'NO-SUCH-CIPHER'),
]
for transport, what in cases:
    value = config(cluster('up', 9, transport_socket=transport))
    code, _, err = validate(value)
    expect(code, 1, what)
    expect_in(what, err)
    expect_in('FILE:', err)
    proxy = Proxy(value, ready=False)
    expect(proxy.wait(), 1, what)
    expect_in(what, proxy.log)

key_log = f'{TMP}/keys'
code, out, err = validate(config(cluster('up', 9, transport_socket=upstream_tls(one, key_log={'path': key_log}))))
expect(code, 0, err)
expect(os.path.exists(key_log), False, 'validating made a file')

good = one.issue('a.example')


def site(certificate):
    return bootstrap([listener(filter_chains=[filter_chain(hcm(direct('/', 200, 'here')), tls=downstream_tls(certificate))])], [])


what = 'filter_chains[0].transport_socket.typed_config.common_tls_context.tls_certificates[0]: Failed to load private key'
code, _, err = validate(site(mixed))
expect(code, 1)
expect_in(what, err)
supervisor = Supervisor(site(good))
write_config(site(mixed), supervisor.config_path)
expect_in(what, supervisor.failed_reload())
with TlsClient(supervisor.port, one) as client:
    expect(client.request('/').body, b'here')
