# SPDX-License-Identifier: Apache-2.0
"""/certs shows the certificates and authorities of each context, a stat the days until the first of them expires, others when
each does."""
import ssl
import subprocess

from harness import *
from harness.certificates import tls_transport

authority = Authority()
served = authority.issue('a.example', 'DNS:a.example', 'IP:127.0.0.1', 'URI:spiffe://a', days=20)
own = authority.issue('own', days=10)
ingress = listener(hcm(direct('/', 200)))
ingress['filter_chains'][0]['transport_socket'] = downstream_tls(served)
proxy = Proxy(bootstrap([ingress], [cluster('up', 9, transport_socket=upstream_tls(authority, certificate=own))]))
chain, up = proxy.admin_json('/certs')['certificates']
expect(chain['ca_cert'], [])
[leaf] = chain['cert_chain']
expect((leaf['path'], leaf['subject_alt_names']),
       (served.chain, [{'dns': 'a.example'}, {'uri': 'spiffe://a'}, {'ip_address': '127.0.0.1'}]))
expect([up['ca_cert'][0]['path'], up['cert_chain'][0]['path']], [authority.path, own.chain])
for one, days in ((leaf, 20), (up['cert_chain'][0], 10), (up['ca_cert'][0], 30)):
    expect_true(int(one['days_until_expiration']) in (days - 1, days), one)
expect(set(leaf), {'path', 'serial_number', 'subject_alt_names', 'days_until_expiration', 'valid_from', 'expiration_time'})
proxy.wait_stat('server.days_until_first_cert_expiring', lambda value: value in (9, 10))


def expires(proxy, place, name, certificate):
    """Its gauge has the second that the certificate says."""
    text = subprocess.run(['openssl', 'x509', '-in', certificate, '-noout', '-enddate'], capture_output=True, check=True).stdout
    proxy.wait_stat(f'{place}.ssl.certificate.{name}.expiration_unix_time_seconds',
                    ssl.cert_time_to_seconds(text.decode().strip().split('=')[1]))


expires(proxy, 'listener.127.0.0.1_0', 'unnamed_cert_e3b0c442', served.chain)
expires(proxy, 'cluster.up', 'unnamed_cert_e3b0c442', own.chain)
expires(proxy, 'cluster.up', 'unnamed_ca_cert_e3b0c442', authority.path)
expect_in('envoy_listener_ssl_certificate_expiration_unix_time_seconds{envoy_tls_certificate="unnamed_cert_e3b0c442",',
          proxy.admin('/stats/prometheus').body.decode())

# By the name of the secret, of the bootstrap or of a file; a gauge of the live generation, not the sum of two.
keys = write_secrets(f'{TMP}/keys.yaml', secret('spiffe://a.b', served))
ingress['filter_chains'][0]['transport_socket'] = tls_transport(
    'Downstream', tls_certificate_sds_secret_configs=[sds('spiffe://a.b', keys)],
    validation_context_sds_secret_config={'name': 'roots'})
roots = {'name': 'roots', 'validation_context': {'trusted_ca': {'filename': authority.path}}}
value = bootstrap([ingress], [])
value['static_resources']['secrets'] = [roots]
heirloom = Supervisor(value)
expires(heirloom, 'listener.127.0.0.1_0', 'spiffe://a.b', served.chain)
with TlsClient(heirloom.port, authority, certificate=own) as client:
    expect(client.request('/').status, 200)  # holds the old generation
    heirloom.reload()
    expires(heirloom, 'listener.127.0.0.1_0', 'roots', authority.path)
    write_secrets(keys, secret('spiffe://a.b', own))
    expires(heirloom, 'listener.127.0.0.1_0', 'spiffe://a.b', own.chain)

plain = Proxy(config(cluster('up', 9)))
expect(plain.admin_json('/certs'), {'certificates': []})
plain.wait_stat('server.days_until_first_cert_expiring', 4294967295)
