# SPDX-License-Identifier: Apache-2.0
"""access_log of a listener: one record for each of its connections, also for those that no filter chain took."""
from harness import *
from harness.config import EXTENSION, TMP

LINE = '%ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %FILTER_CHAIN_NAME% %REQUESTED_SERVER_NAME% %UPSTREAM_CLUSTER% %BYTES_SENT% %DOWNSTREAM_REMOTE_PORT% %DOWNSTREAM_LOCAL_PORT%\n'


def logged(name):
    return {'access_log': [access_log(f'{TMP}/{name}', LINE)]}


def line_of(name, port, listening):
    """The one record of the connection that came from this port, without the ports."""
    end = f' {port} {listening}\n'
    text = wait_for('the record', lambda: [line for line in open(f'{TMP}/{name}') if line.endswith(end)])
    expect(len(text), 1)
    return text[0][:-len(end)]


upstream = Upstream(answer(b'hello\n'))
inspector = {'name': 'tls', 'typed_config': {'@type': EXTENSION + 'filters.listener.tls_inspector.v3.TlsInspector'}}
header = {'name': 'proxy', 'typed_config': {'@type': EXTENSION + 'filters.listener.proxy_protocol.v3.ProxyProtocol'}}
listeners = [
    listener(name='http', **logged('http')) | {'filter_chains': [filter_chain(hcm(), name='web')]},
    listener(name='tcp', **logged('tcp')) | {'filter_chains': [filter_chain(tcp_proxy('up'), name='raw')]},
    listener(name='names', **logged('names')) | {'filter_chains': [filter_chain(tcp_proxy('up'), name='a', match={'server_names': ['a.org']})], 'listener_filters': [inspector]},
    listener(name='header', **logged('header')) | {'listener_filters': [header]}]
proxy = Proxy(bootstrap(listeners, [cluster('up', upstream.port)]), '--file-flush-interval-msec', '20', '--concurrency', '1')
ports = proxy.listener_ports()


def source(client):
    return client.socket.getsockname()[1]


for kind, protocol in ((Client, 'HTTP/1.1'), (Http2Client, 'HTTP/2')):
    with kind(ports['http']) as client:
        port = source(client)
        for _ in range(2):
            expect(client.request('/').status, 200)
    line, sent = line_of('http', port, ports['http']).rsplit(' ', 1)
    expect(line, f'NotSet {protocol} - - web - -')
    expect_true(int(sent) > 100, f'{sent} bytes sent')  # of the whole connection
with Client(ports['tcp']) as client:
    port = source(client)
    sent = client.request('/')
expect_true(line_of('tcp', port, ports['tcp']).startswith('NotSet - - - raw - up '), open(f'{TMP}/tcp').read())
# No chain matches; a listener filter refuses, or the client leaves before it is through.
with Client(ports['names']) as client:
    port = source(client)
    client.send('GET / HTTP/1.1\r\n\r\n')
    client.rest()
expect(line_of('names', port, ports['names']), 'NotSet - NR filter_chain_not_found - - - 0')
with Client(ports['header']) as client:
    port = source(client)
    client.send('GET / HTTP/1.1\r\n\r\n')
    client.rest()
expect(line_of('header', port, ports['header']), 'NotSet - - - - - - 0')
with Client(ports['header']) as client:
    port = source(client)
expect(line_of('header', port, ports['header']), 'NotSet - - - - - - 0')
