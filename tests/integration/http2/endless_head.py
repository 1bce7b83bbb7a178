# SPDX-License-Identifier: Apache-2.0
"""A block of fields that does not end ends its connection, by the timeout that comes first, counted and logged as that one."""
from harness import *

for field, stat, details, flag in (
        ('request_headers_timeout', 'downstream_rq_header_timeout', 'request_header_timeout', '-'),
        ('request_timeout', 'downstream_rq_timeout', 'request_overall_timeout', '-'),
        ('stream_idle_timeout', 'downstream_rq_idle_timeout', 'stream_idle_timeout', 'SI')):
    log = f'{TMP}/{field}.log'
    line = access_log(log, '%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DOWNSTREAM_LOCAL_ADDRESS%\n')
    manager = hcm(direct('/', 200, 'ok'), access_log=[line], **{field: '0.2s'})
    proxy = Proxy(bootstrap([listener(manager, address='0.0.0.0')], []), '--concurrency', '1', '--file-flush-interval-msec', '50')
    address = f'127.0.0.1:{proxy.port}'
    with Http2Client(proxy.port) as client:
        client.ping()  # nothing may come between the pieces of a block, not even the answer to SETTINGS
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, hpack.encode(client.fields())))
        expect(client.wait_end(), 'eof')
        expect(client.goaways, [(1, h2.NO_ERROR)], field)
    wait_for(f'the line of {field}', lambda: open(log).read() == f'HTTP/2 0 {flag} {details} {address}\n')
    seen = proxy.stats()
    expect({name: seen[f'http.ingress.{name}'] for name in ('downstream_rq_header_timeout', 'downstream_rq_timeout', 'downstream_rq_idle_timeout')
            if seen[f'http.ingress.{name}']}, {stat: 1}, field)
    expect((seen['http.ingress.downstream_rq_active'], seen['http.ingress.downstream_rq_total']), (0, 1))
    # The client that leaves in the middle of one has its line too.
    with Http2Client(proxy.port) as client:
        client.ping()  # nothing may come between the pieces of a block, not even the answer to SETTINGS
        client.send(h2.frame(h2.HEADERS, h2.END_STREAM, 1, hpack.encode(client.fields())))
        proxy.wait_stat('http2.streams_active', 1)
    wait_for('a second line', lambda: open(log).read().splitlines()[1:] == [f'HTTP/2 0 DC downstream_remote_disconnect {address}'])
    proxy.end()
