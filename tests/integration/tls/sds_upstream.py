# SPDX-License-Identifier: Apache-2.0
"""A cluster's certificate and CA by SDS: replaced by a move, kept when the new one is broken, each outcome counted."""
import os

from harness import *

trusted, other = Authority('Trusted'), Authority('Other')
one, two, unrelated = trusted.issue('one'), trusted.issue('two'), trusted.issue('unrelated')
served = trusted.issue('up.example')
# It says whose certificate it was shown.
server = Program(['openssl', 's_server', '-accept', '127.0.0.1:0', '-www', '-cert', served.chain, '-key', served.key,
                  '-CAfile', trusted.path, '-Verify', '1', '-no_ticket', '-no_cache'], name='s_server')
server.wait_log('ACCEPT 127.0.0.1:')
port = int(server.log.split('ACCEPT 127.0.0.1:')[1].split()[0])

keys, ca = f'{TMP}/keys.yaml', f'{TMP}/ca.yaml'
write_secrets(keys, secret('client', one))
write_secrets(ca, secret('roots', authority=trusted))
proxy = Proxy(config(cluster('up', port, transport_socket=upstream_tls(
    sni='up.example', tls_certificate_sds_secret_configs=[sds('client', keys)],
    validation_context_sds_secret_config=sds('roots', ca)))))


def shown():
    """The common name in the certificate that the server got, or the status that the client did."""
    response = get(proxy.port)
    return response.body.decode().split('Subject: CN=')[1].split('\n')[0] if response.status == 200 else response.status


def counted(secret_name):
    return {name: proxy.stat(f'sds.{secret_name}.{name}') for name in
            ('update_attempt', 'update_success', 'update_rejected', 'update_failure', 'key_rotation_failed')
            if proxy.stat(f'sds.{secret_name}.{name}')}


updates = 'cluster.up.client_ssl_socket_factory.ssl_context_update_by_sds'
expect(shown(), 'one')
expect(counted('client'), {'update_attempt': 1, 'update_success': 1})
expect(proxy.stat(updates), 1)

# A new certificate is moved into place.
write_secrets(keys, secret('client', two))
proxy.wait_stat('sds.client.update_success', 2)
wait_for('the new certificate', lambda: shown() == 'two')
expect(proxy.stat(updates), 2)
expect(counted('roots'), {'update_attempt': 1, 'update_success': 1})

# The same again is no new context.
write_secrets(keys, secret('client', two))
proxy.wait_stat('sds.client.update_success', 3)
expect(proxy.stat(updates), 2)

# Broken in each way: the old one stays, and the log says what and where.
for number, (text, count, what) in enumerate([
        ('resources: [', 'update_failure', f'{keys}:'),
        ({'resources': [secret('client', chain=one.chain, key=unrelated.key)]}, 'update_rejected', 'it is not the key of'),
        ({'resources': [secret('client', chain=f'{TMP}/nowhere', key=one.key)]}, 'update_rejected', f'{TMP}/nowhere'),
        ({'resources': [secret('somebody', two)]}, 'update_rejected', 'no secret of this kind and name: client'),
        ({'resources': [secret('client', one), secret('somebody', two)]}, 'update_rejected', 'one secret is required')]):
    write_config(text, keys)
    proxy.wait_stat('sds.client.' + count, max(number, 1))
    expect_in(what, [line for line in proxy.log.splitlines() if 'update of secret client rejected' in line][-1])
    expect(shown(), 'two')
    expect(proxy.stat(updates), 2)

# It leads nowhere.
os.symlink(f'{TMP}/nowhere', keys + '.new')
os.rename(keys + '.new', keys)
proxy.wait_stat('sds.client.update_failure', 2)
expect(shown(), 'two')

# Gone, and something else moved beside it: nothing is read. Back again: it is.
os.remove(keys)
os.rename(write_secrets(f'{TMP}/beside.yaml', secret('client', one)), f'{TMP}/elsewhere.yaml')
write_secrets(keys, secret('client', one))
proxy.wait_stat('sds.client.update_success', 4)
wait_for('the certificate', lambda: shown() == 'one')
expect(counted('client'), {'update_attempt': 10, 'update_success': 4, 'update_rejected': 4, 'update_failure': 2})

# Another CA: the server is trusted no longer; with both it is again.
write_secrets(ca, secret('roots', authority=other))
proxy.wait_stat('sds.roots.update_success', 2)
wait_for('the server is refused', lambda: shown() == 503)
write_secrets(ca, secret('roots', authority=trusted))
wait_for('the server is trusted', lambda: shown() == 'one')
