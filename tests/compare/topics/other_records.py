# SPDX-License-Identifier: Apache-2.0
"""Records beside the one at the end of a request: of a listener's connections, of what begins, of tunnels."""
import copy

from compare.exchange import Exchange, Exchange2, Verdict
from harness import bootstrap, cluster, config, direct, filter_chain, hcm, listener, route, tcp_proxy
from harness.config import EXTENSION

LINE = ('%DOWNSTREAM_REMOTE_PORT% %ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% '
        '%ROUTE_NAME% %CONNECTION_TERMINATION_DETAILS% %REQUESTED_SERVER_NAME% %FILTER_CHAIN_NAME% %REQ(:PATH)% %RESP(:STATUS)%\n')
OPTIONS = {'flush_access_log_on_new_request': True, 'flush_log_on_tunnel_successfully_established': True, 'access_log_flush_interval': '60s'}
ROUTES = [{**direct('/here', 200, 'x'), 'name': 'here'}, {**route('/up'), 'name': 'up'}, {'match': {'connect_matcher': {}}, 'route': {
    'cluster': 'up', 'upgrade_configs': [{'upgrade_type': 'CONNECT', 'connect_config': {}}]}, 'name': 'connect'}]
TLS = {'name': 'tls', 'typed_config': {'@type': EXTENSION + 'filters.listener.tls_inspector.v3.TlsInspector'}}
HEADER = {'name': 'proxy', 'typed_config': {'@type': EXTENSION + 'filters.listener.proxy_protocol.v3.ProxyProtocol'}}


def configuration(upstream, log):
    log = copy.deepcopy(log)
    log[0]['typed_config']['log_format']['text_format_source']['inline_string'] = LINE
    manager = hcm(*ROUTES, upgrade_configs=[{'upgrade_type': 'websocket'}])
    chain, tcp = filter_chain(manager, name='web'), filter_chain(tcp_proxy('up'), name='raw')
    listeners = [{**listener(name='connections', access_log=log), 'filter_chains': [chain]},
                 {**listener(name='tcp', access_log=log), 'filter_chains': [tcp]},
                 {**listener(name='names', access_log=log, listener_filters=[TLS]), 'filter_chains': [{**tcp, 'filter_chain_match': {'server_names': ['a.org']}}]},
                 {**listener(name='header', access_log=log, listener_filters=[HEADER]), 'filter_chains': [chain]},
                 listener(hcm(*ROUTES, upgrade_configs=[{'upgrade_type': 'websocket'}], access_log=log, access_log_options=OPTIONS), name='options'),
                 {**listener(name='tcp-options'), 'filter_chains': [filter_chain(tcp_proxy('up', access_log=log, access_log_options={
                     'flush_access_log_on_connected': True}))]}]
    return bootstrap(listeners, [cluster('up', upstream)])


def exchanges(options):
    get = 'GET {} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
    for name in ('connections', 'options', 'tcp', 'tcp-options'):
        for path in ('/here', '/up', '/nowhere'):
            yield Exchange(f'{name} {path}', get.format(path), listener=name)
    for name in ('connections', 'options'):
        yield Exchange(f'{name} nonsense', 'nonsense\r\n\r\n', listener=name)
        yield Exchange2(f'{name} HTTP/2', lambda client: (client.open('/up', host='a'), client.open('/here', host='a')), listener=name, count=2)
        yield Exchange(f'{name} refused upgrade', 'GET /up HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n', listener=name)
    yield Exchange('no chain', 'GET / HTTP/1.1\r\n\r\n', listener='names', answers=0)
    yield Exchange('no header', 'GET / HTTP/1.1\r\n\r\n', listener='header', answers=0)
    yield Exchange('header', 'PROXY TCP4 1.2.3.4 5.6.7.8 99 80\r\n' + get.format('/here'), listener='header')
    up = cluster('up', 1)
    yield Verdict('interval 0', config(up, access_log_options={'access_log_flush_interval': '0s'}))
    yield Verdict('interval of less than a millisecond', config(up, access_log_options={'access_log_flush_interval': '0.0001s'}))
