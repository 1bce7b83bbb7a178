# SPDX-License-Identifier: Apache-2.0
"""A TLS session is resumed by its ticket: within a generation, and by the next one, for the supervisor gives both the same
keys. Keys of the configuration win: a ticket of the supervisor's keys is then nothing. Without tickets there is none."""
import os

from harness import *

authority = Authority()
certificate = authority.issue('a.example')


def site(**outer):
    manager = hcm(direct('/', 200, 'here'))
    return bootstrap([listener(filter_chains=[filter_chain(manager, tls=downstream_tls(certificate, outer=outer))])], [])


def key_file(name):
    path = f'{TMP}/{name}'
    with open(path, 'wb') as file:
        file.write(os.urandom(80))
    return {'filename': path}


def connect(version, remember=None, offer=None):
    args = [f'-{version}'] + (['-sess_out', remember] if remember else []) + (['-sess_in', offer] if offer else [])
    text = s_client(supervisor.port, *args)
    expect_in('here', text)
    return was_reused(text)


versions = ('tls1_2', 'tls1_3')
supervisor = Supervisor(site())
for version in versions:
    session = f'{TMP}/{version}'
    expect(connect(version, remember=session), False)
    expect(connect(version, offer=session), True, f'{version} in one generation')
expect(supervisor.stat('listener.127.0.0.1_0.ssl.session_reused'), 2)
for _ in range(2):
    supervisor.reload()
    for version in versions:
        expect(connect(version, offer=f'{TMP}/{version}'), True, f'{version} after a reload')

first, second = key_file('first'), key_file('second')
write_config(site(session_ticket_keys={'keys': [first]}), supervisor.config_path)
supervisor.reload()
for version in versions:
    expect(connect(version, offer=f'{TMP}/{version}'), False, f'{version}: not our key')
    connect(version, remember=f'{TMP}/{version}-own')
    expect(connect(version, offer=f'{TMP}/{version}-own'), True)
write_config(site(session_ticket_keys={'keys': [second, first]}), supervisor.config_path)
supervisor.reload()
for version in versions:
    expect(connect(version, offer=f'{TMP}/{version}-own'), True, f'{version}: the older key still opens')
write_config(site(session_ticket_keys={'keys': [second]}), supervisor.config_path)
supervisor.reload()
for version in versions:
    expect(connect(version, offer=f'{TMP}/{version}-own'), False, f'{version}: the key is gone')

write_config(site(disable_stateless_session_resumption=True, disable_stateful_session_resumption=True), supervisor.config_path)
supervisor.reload()
text = s_client(supervisor.port, '-tls1_2')
expect_true('TLS session ticket' not in text, text)
