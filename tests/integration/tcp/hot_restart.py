# SPDX-License-Identifier: Apache-2.0
"""A tunnel lives on in the draining generation until the parent-shutdown bound and is then cut in order; connects after
the reload belong to the new generation and its configuration."""
from harness import *

old, new = RawUpstream(capitals(b'old')), RawUpstream(capitals(b'new'))
log = f'{TMP}/access.log'
fields = {'access_log': [access_log(log, '%UPSTREAM_CLUSTER% %BYTES_RECEIVED% %BYTES_SENT%\n')]}
supervisor = Supervisor(tcp_config(cluster('old', old.port), to='old', **fields),
                        '--drain-time-s', '1', '--parent-shutdown-time-s', '3', '--file-flush-interval-msec', '50',
                        flags=('--terminate-grace-s', '2'))
port = supervisor.port
with Client(port) as client, Client(port) as short:
    expect(client.take(3), b'old')
    expect(short.take(3), b'old')
    write_config(tcp_config(cluster('new', new.port), to='new', **fields), supervisor.config_path)
    supervisor.reload()
    expect([generation['state'] for generation in supervisor.generations()], ['draining', 'live'])
    client.send(b'still here')
    expect(client.take(10), b'STILL HERE')
    short.finish()
    expect(short.rest(), ('eof', b''), 'it may end by itself meanwhile')
    with Client(port) as other:
        expect(other.take(3), b'new')
    expect(client.rest(), ('eof', b''), 'cut at the bound, in order')
wait_for('the old generation has left', lambda: len(supervisor.generations()) == 1, 15)
wait_for('all lines', lambda: sorted(open(log).read().splitlines()) == ['new 0 3', 'old 0 3', 'old 10 13'])
expect(supervisor.segment_stat('tcp.tcp.downstream_cx_total'), 3)
supervisor.wait_stat('server.total_connections', lambda count: count <= 1)
