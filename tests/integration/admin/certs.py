# SPDX-License-Identifier: Apache-2.0
"""/certs shows the certificates and authorities of each context, and a stat the days until the first of them expires."""
from harness import *

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

plain = Proxy(config(cluster('up', 9)))
expect(plain.admin_json('/certs'), {'certificates': []})
plain.wait_stat('server.days_until_first_cert_expiring', 4294967295)
