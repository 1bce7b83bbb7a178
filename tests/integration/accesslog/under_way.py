# SPDX-License-Identifier: Apache-2.0
"""access_log_options: records when a request or a tunnel begins and each interval while it lasts, beside the one at its end."""
from harness import *
from harness.config import TMP

LINE = '%ACCESS_LOG_TYPE% %RESPONSE_CODE% %BYTES_RECEIVED%\n'
ends = {'log_type_filter': {'types': ['DownstreamEnd', 'TcpConnectionEnd']}}


def logs(name):
    return [access_log(f'{TMP}/{name}', LINE), access_log(f'{TMP}/{name}-ends', LINE, filter=ends)]


def lines(name):
    return open(f'{TMP}/{name}').read().splitlines()


upstream = Upstream(tunnel_echo())
http = listener(hcm(upgrade_configs=[{'upgrade_type': 'websocket'}], access_log=logs('http'), access_log_options={
    'access_log_flush_interval': '0.05s', 'flush_access_log_on_new_request': True, 'flush_log_on_tunnel_successfully_established': True}), name='http')
tcp = {**listener(name='tcp'), 'filter_chains': [filter_chain(tcp_proxy('up', access_log=logs('tcp'), access_log_options={
    'access_log_flush_interval': '0.05s', 'flush_access_log_on_connected': True}))]}
proxy = Proxy(bootstrap([http, tcp], [cluster('up', upstream.port)]), '--file-flush-interval-msec', '20')
ports = proxy.listener_ports()
with Client(ports['http']) as client:
    client.send(UPGRADE)
    expect(client.response().status, 101)
    client.send('hello')
    client.until(b'HELLO')
    wait_for('two intervals', lambda: lines('http').count('DownstreamPeriodic 101 5') >= 2)
    client.finish()
    client.rest()
wait_for('the end', lambda: lines('http-ends') == ['DownstreamEnd 101 5'])
expect(lines('http')[:2], ['DownstreamStart 0 0', 'DownstreamTunnelSuccessfullyEstablished 101 0'])
expect(lines('http')[-1], 'DownstreamEnd 101 5')
# A request that is over when its interval is has none of those; one whose tunnel is refused none of the other.
expect(request(ports['http'], '/').status, 200)
wait_for('the end', lambda: len(lines('http-ends')) == 2)
expect(lines('http')[-2:], ['DownstreamStart 0 0', 'DownstreamEnd 200 0'])

with Client(ports['tcp']) as client:
    wait_for('an interval', lambda: 'TcpPeriodic 0 0' in lines('tcp'))
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    client.until(b'hello\n')
wait_for('the end', lambda: lines('tcp-ends') == ['TcpConnectionEnd 0 27'])
expect(lines('tcp')[0], 'TcpUpstreamConnected 0 0')
expect(lines('tcp')[-1], 'TcpConnectionEnd 0 27')

code, _, text = validate(config(cluster('up', 1), access_log_options={'access_log_flush_interval': '0s'}))
expect(code, 1)
expect_in('access_log_options.access_log_flush_interval: must be at least 0.001s', text)
