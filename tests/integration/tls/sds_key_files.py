# SPDX-License-Identifier: Apache-2.0
"""The files that a secret names are watched too: moved one by one, or swapped as a whole like a Kubernetes volume."""
import os

from harness import *

trusted = Authority('Trusted')
one, two, three = trusted.issue('one'), trusted.issue('two'), trusted.issue('three')
served = trusted.issue('up.example')
server = Program(['openssl', 's_server', '-accept', '127.0.0.1:0', '-www', '-cert', served.chain, '-key', served.key,
                  '-CAfile', trusted.path, '-Verify', '1', '-no_ticket', '-no_cache'], name='s_server')
server.wait_log('ACCEPT 127.0.0.1:')
port = int(server.log.split('ACCEPT 127.0.0.1:')[1].split()[0])

# The SDS files lie elsewhere and do not change.
os.mkdir(f'{TMP}/plain')
plain = {'tls.crt': f'{TMP}/plain/tls.crt', 'tls.key': f'{TMP}/plain/tls.key'}
move_copy(one.chain, plain['tls.crt'])
move_copy(one.key, plain['tls.key'])
volume = Volume(f'{TMP}/volume', {'tls.crt': one.chain, 'tls.key': one.key})
write_secrets(f'{TMP}/plain.yaml', secret('plain', chain=plain['tls.crt'], key=plain['tls.key']))
write_secrets(f'{TMP}/volume.yaml', secret('volume', chain=f'{TMP}/volume/tls.crt', key=f'{TMP}/volume/tls.key'))
# This one comes in a volume itself.
mounted = Volume(f'{TMP}/mounted', {'sds.yaml': write_secrets(f'{TMP}/first.yaml', secret('mounted', one))})
paths = {'plain': f'{TMP}/plain.yaml', 'volume': f'{TMP}/volume.yaml', 'mounted': f'{TMP}/mounted/sds.yaml'}
proxy = Proxy(config(
    *(cluster(name, port, transport_socket=upstream_tls(
        trusted, sni='up.example', tls_certificate_sds_secret_configs=[sds(name, path)])) for name, path in paths.items()),
    routes=[route(f'/{name}', cluster=name) for name in paths]))


def shown(name):
    return get(proxy.port, f'/{name}').body.decode().split('Subject: CN=')[1].split('\n')[0]


def wait_shown(name, wanted):
    wait_for(f'{name} shows {wanted}', lambda: shown(name) == wanted)


for name in paths:
    expect(shown(name), 'one')

volume.swap({'tls.crt': two.chain, 'tls.key': two.key})
wait_shown('volume', 'two')
mounted.swap({'sds.yaml': write_secrets(f'{TMP}/second.yaml', secret('mounted', two))})
wait_shown('mounted', 'two')
expect(proxy.stat('sds.mounted.update_success'), 2)

# One half is rejected and the old pair stays; the other half makes it whole.
move_copy(two.chain, plain['tls.crt'])
proxy.wait_stat('sds.plain.key_rotation_failed', 1)
expect_in('it is not the key of', proxy.log)
expect(shown('plain'), 'one')
move_copy(two.key, plain['tls.key'])
wait_shown('plain', 'two')
expect(proxy.stat('sds.plain.update_attempt'), 1)  # the secret itself did not change

# Again and again: the directories of before are still watched.
volume.swap({'tls.crt': three.chain, 'tls.key': three.key})
wait_shown('volume', 'three')
mounted.swap({'sds.yaml': write_secrets(f'{TMP}/third.yaml', secret('mounted', three))})
wait_shown('mounted', 'three')
for name in ('volume', 'mounted'):
    expect(proxy.stat(f'sds.{name}.update_rejected') + proxy.stat(f'sds.{name}.key_rotation_failed'), 0)

# A burst of moves is few readings.
for _ in range(200):
    write_secrets(paths['plain'], secret('plain', three))
wait_shown('plain', 'three')
expect_true(proxy.stat('sds.plain.update_attempt') < 20, 'each move was read')
