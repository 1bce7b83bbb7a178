# SPDX-License-Identifier: Apache-2.0
"""A tcp_proxy's log knows the same formats and filters: JSON to a file, text to the standard error, by type and flag."""
import json
import socket

from harness import *

paths = {name: f'{TMP}/{name}' for name in ('json', 'requests', 'failed')}


def of_type(name):
    return {'log_type_filter': {'types': [name]}}


fields = {'type': '%ACCESS_LOG_TYPE%', 'received': '%BYTES_RECEIVED%', 'sent': '%BYTES_SENT%', 'code': '%RESPONSE_CODE%', 'path': '%REQ(:PATH)%',
          'host': '%UPSTREAM_HOST%', 'port': '%UPSTREAM_REMOTE_PORT%', 'protocol': '%PROTOCOL%', 'flags': '%RESPONSE_FLAGS%'}
logs = [access_log(paths['json'], json=fields, filter=of_type('TcpConnectionEnd')),
        access_log(paths['requests'], 'never\n', filter=of_type('DownstreamEnd')),
        access_log(paths['failed'], '%RESPONSE_FLAGS% %UPSTREAM_REMOTE_PORT%\n', filter={'response_flag_filter': {}}),
        {'typed_config': {'@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog',
                          'log_format': {'json_format': {'seen': '%BYTES_SENT%'}}}}]
upstream = Upstream(answer(b'hello\n'))
proxy = Proxy(tcp_config(cluster('up', upstream.port), access_log=logs), '--file-flush-interval-msec', '20')
with Client(proxy.port) as client:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    expect(client.response().status, 200)
line = json.loads(wait_for('a line', lambda: open(paths['json']).read()))
sent = line['sent']
expect_true(sent > len('hello\n'), 'the bytes of the answer')
expect(line, {'type': 'TcpConnectionEnd', 'received': 46, 'sent': sent, 'code': 0, 'path': None, 'host': f'127.0.0.1:{upstream.port}',
              'port': upstream.port, 'protocol': None, 'flags': '-'})
proxy.wait_log(f'{{"seen":{sent}}}\n')

upstream.close()
with socket.create_connection(('127.0.0.1', proxy.port)) as refused:
    expect(refused.recv(1), b'')
expect(wait_for('a line', lambda: open(paths['failed']).read()), 'UF,URX -\n')
expect(open(paths['requests']).read(), '')
