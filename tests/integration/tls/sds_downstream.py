# SPDX-License-Identifier: Apache-2.0
"""A listener's certificate by SDS: new connections get the new one while old ones go on; over a hot restart too."""
import time

from harness import *
from harness.certificates import tls_transport

authority = Authority()
one, two, three = (authority.issue(name, 'DNS:a.example') for name in ('one', 'two', 'three'))
unrelated = authority.issue('unrelated')
keys = write_secrets(f'{TMP}/keys.yaml', secret('server', one))
ingress = listener(hcm(direct('/', 200, 'hello\n')))
ingress['filter_chains'][0]['transport_socket'] = tls_transport(
    'Downstream', tls_certificate_sds_secret_configs=[sds('server', keys)])
heirloom = Supervisor(bootstrap([ingress], []), '--concurrency', '2')


def shown():
    with TlsClient(heirloom.port, authority) as client:
        return dict(part[0] for part in client.socket.getpeercert()['subject'])['commonName']


def on_all_workers(name):
    """Whoever accepts: sixteen in a row have it."""
    wait_for(f'{name} is shown', lambda: all(shown() == name for _ in range(16)))


expect(shown(), 'one')
old = TlsClient(heirloom.port, authority)
expect(old.request().body, b'hello\n')
write_secrets(keys, secret('server', two))
heirloom.wait_stat('sds.server.update_success', 2)
on_all_workers('two')
expect(old.request().body, b'hello\n')  # it goes on with what it began with
expect(old.is_open(), True)

# Broken: nobody notices but the log and the stats.
write_secrets(keys, secret('server', chain=three.chain, key=unrelated.key))
heirloom.wait_stat('sds.server.update_rejected', 1)
expect_in('it is not the key of', heirloom.log)
on_all_workers('two')

# A new generation refuses to begin with it, the old one serves on.
expect_in('it is not the key of', heirloom.failed_reload())
on_all_workers('two')

# Mended: the old generation takes it, and the new one begins with it, and watches.
write_secrets(keys, secret('server', three))
on_all_workers('three')
heirloom.reload()
on_all_workers('three')
before = heirloom.stat('sds.server.update_success')
write_secrets(keys, secret('server', one))
heirloom.wait_stat('sds.server.update_success', lambda value: value > before)
on_all_workers('one')

# When it was told last, and what: of the live generation, not the sum of both.
heirloom.wait_stat('sds.server.update_time', lambda value: 0 <= time.time() * 1000 - value < 60_000)
expect(heirloom.stat('sds.server.version'), 17241709254077376921, 'the hash of no version')
