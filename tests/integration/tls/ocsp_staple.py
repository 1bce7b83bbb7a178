# SPDX-License-Identifier: Apache-2.0
"""A configured OCSP response is stapled for clients that ask; strict stapling refuses to serve without one that holds."""
import subprocess

from harness import *

authority = Authority()
certificate = authority.issue('a.example')
staple = f'{TMP}/staple.der'
serial = subprocess.check_output(['openssl', 'x509', '-noout', '-serial', '-in', certificate.chain], text=True).split('=')[1].strip()
with open(f'{TMP}/index', 'w') as file:
    file.write(f'V\t491231235959Z\t\t{serial}\tunknown\t/CN=a.example\n')
common = ['openssl', 'ocsp', '-issuer', authority.path]
subprocess.run([*common, '-cert', certificate.chain, '-reqout', f'{TMP}/request.der'], check=True, capture_output=True)
subprocess.run([*common, '-index', f'{TMP}/index', '-CA', authority.path, '-rsigner', authority.path, '-rkey', authority._key,
                '-reqin', f'{TMP}/request.der', '-respout', staple, '-ndays', '5'], check=True, capture_output=True)


def site(policy, stapled):
    tls = downstream_tls(certificate, outer={'ocsp_staple_policy': policy})
    if stapled:
        tls['typed_config']['common_tls_context']['tls_certificates'][0]['ocsp_staple'] = {'filename': staple}
    return bootstrap([listener(filter_chains=[filter_chain(hcm(direct('/', 200, 'here')), tls=tls)])], [])


proxy = Proxy(site('MUST_STAPLE', True))
for version in ('-tls1_2', '-tls1_3'):
    expect_in('OCSP Response Status: successful', s_client(proxy.port, version, '-status'))
    expect_in('here', s_client(proxy.port, version))
prefix = 'listener.127.0.0.1_0.ssl.ocsp_staple_'
expect([proxy.stat(prefix + name) for name in ('requests', 'responses')], [2, 2])
expires = 'server.seconds_until_first_ocsp_response_expiring'
proxy.wait_stat(expires, lambda value: 4 * 86400 < value <= 5 * 86400)

proxy = Proxy(site('LENIENT_STAPLING', False))
expect_in('OCSP response: no response sent', s_client(proxy.port, '-status'))
expect(proxy.stat(prefix + 'omitted'), 1)
expect(proxy.stat(expires), 0)
code, _, err = validate(site('MUST_STAPLE', False))
expect(code, 1)
expect_in('Required OCSP response is missing from TLS context', err)
