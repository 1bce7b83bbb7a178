# SPDX-License-Identifier: Apache-2.0
"""Writes bootstrap files as YAML text. Ports are 0 where nothing else is asked: the kernel chooses."""
import itertools
import json
import os

TMP = os.environ.get('HEIRLOOM_TMP') or os.environ.get('TMPDIR') or '/tmp'
EXTENSION = 'type.googleapis.com/envoy.extensions.'
_numbers = itertools.count(1)


def to_yaml(value, indent=0):
    """Block style YAML of dicts, lists and scalars."""
    pad = '  ' * indent
    if isinstance(value, dict) and value:
        text = ''
        for key, item in value.items():
            name = json.dumps(key) if key.startswith('@') else key
            nested = isinstance(item, (dict, list)) and item
            text += f'{pad}{name}:' + ('\n' + to_yaml(item, indent + 1) if nested else f' {json.dumps(item)}\n')
        return text
    if isinstance(value, list) and value:
        text = ''
        for item in value:
            nested = isinstance(item, (dict, list)) and item
            text += f'{pad}- ' + (to_yaml(item, indent + 1).lstrip(' ') if nested else f'{json.dumps(item)}\n')
        return text
    return f'{pad}{json.dumps(value)}\n'


def write_config(value, name=None):
    """Writes a dict (as YAML) or text to a file of its own, or over the file `name`, in one step. Returns its path."""
    path = name or f'{TMP}/config-{next(_numbers)}.yaml'
    with open(path + '.new', 'w') as file:
        file.write(value if isinstance(value, str) else to_yaml(value))
    os.rename(path + '.new', path)
    return path


def socket_address(address, port, **extra):
    return {'socket_address': {'address': address, 'port_value': port, **extra}}


def cluster(name='up', *endpoints, **fields):
    """Endpoints: ports of 127.0.0.1, (host, port) pairs, or unix paths."""
    def endpoint(item):
        if isinstance(item, str):
            return {'endpoint': {'address': {'pipe': {'path': item}}}}
        host, port = item if isinstance(item, tuple) else ('127.0.0.1', item)
        return {'endpoint': {'address': socket_address(host, port)}}
    return {'name': name, 'type': 'STATIC', 'connect_timeout': '5s',
            'load_assignment': {'cluster_name': name, 'endpoints': [{'lb_endpoints': [endpoint(item) for item in endpoints]}]},
            **fields}


def speaks(protocol, common=None, upstream=None, **http2):
    """Fields for cluster(): which HTTP it speaks: 'http1', 'http2', 'downstream' (as the request came) or 'alpn'. Keywords are
    fields of Http2ProtocolOptions; `common`, `upstream`: common_http_protocol_options, upstream_http_protocol_options."""
    choice = {'http1': {'explicit_http_config': {'http_protocol_options': {}}},
              'http2': {'explicit_http_config': {'http2_protocol_options': http2}},
              'downstream': {'use_downstream_protocol_config': {'http2_protocol_options': http2}},
              'alpn': {'auto_config': {'http2_protocol_options': http2}}}[protocol]
    kind = EXTENSION + 'upstreams.http.v3.HttpProtocolOptions'
    return {'typed_extension_protocol_options': {'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': kind, **choice, **({'common_http_protocol_options': common} if common else {}),
        **({'upstream_http_protocol_options': upstream} if upstream else {})}}}


def match(prefix=None, path=None):
    return {'path': path} if path else {'prefix': prefix}


def route(prefix='/', cluster='up', path=None, **fields):
    return {'match': match(prefix, path), 'route': {'cluster': cluster, **fields}}


def redirect(prefix, path=None, **fields):
    return {'match': match(prefix, path), 'redirect': fields}


def direct(prefix, status=200, body=None, path=None):
    body_field = {'body': {'inline_string': body}} if body is not None else {}
    return {'match': match(prefix, path), 'direct_response': {'status': status, **body_field}}


def virtual_host(name, domains, *routes):
    return {'name': name, 'domains': list(domains), 'routes': list(routes)}


def access_log(path, text=None, json=None, filter=None, **fields):
    """fields: of the log_format."""
    if text:
        fields['text_format_source'] = {'inline_string': text}
    if json is not None:
        fields['json_format'] = json
    fields = {'log_format': fields} if fields else {}
    return {'name': 'envoy.access_loggers.file', **({'filter': filter} if filter else {}),
            'typed_config': {'@type': EXTENSION + 'access_loggers.file.v3.FileAccessLog', 'path': path, **fields}}


def stdout_log(text=None):
    fields = {'log_format': {'text_format_source': {'inline_string': text}}} if text else {}
    return {'name': 'envoy.access_loggers.stdout',
            'typed_config': {'@type': EXTENSION + 'access_loggers.stream.v3.StdoutAccessLog', **fields}}


def hcm(*routes, virtual_hosts=None, stat_prefix='ingress', router=None, **fields):
    hosts = virtual_hosts or [virtual_host('all', ['*'], *(routes or [route()]))]
    return {'name': 'envoy.filters.network.http_connection_manager', 'typed_config': {
        '@type': EXTENSION + 'filters.network.http_connection_manager.v3.HttpConnectionManager',
        'stat_prefix': stat_prefix, 'route_config': {'name': 'local', 'virtual_hosts': hosts},
        'http_filters': [{'name': 'envoy.filters.http.router', 'typed_config': {
            '@type': EXTENSION + 'filters.http.router.v3.Router', **(router or {})}}], **fields}}


def filter_chain(manager=None, match=None, tls=None, **fields):
    """match: filter_chain_match; tls: transport_socket."""
    return {**({'filter_chain_match': match} if match else {}), **({'transport_socket': tls} if tls else {}),
            'filters': [manager or hcm()], **fields}


def tcp_proxy(cluster='up', stat_prefix='tcp', **fields):
    """The filter. cluster: a name, or {name: weight}."""
    where = {'cluster': cluster} if isinstance(cluster, str) else {
        'weighted_clusters': {'clusters': [{'name': name, 'weight': weight} for name, weight in cluster.items()]}}
    return {'name': 'envoy.filters.network.tcp_proxy', 'typed_config': {
        '@type': EXTENSION + 'filters.network.tcp_proxy.v3.TcpProxy', 'stat_prefix': stat_prefix, **where, **fields}}


def listener(manager=None, name='ingress', address='127.0.0.1', port=0, pipe=None, **fields):
    where = {'pipe': {'path': pipe}} if pipe else socket_address(address, port)
    if 'ipv4_compat' in fields:
        where['socket_address']['ipv4_compat'] = fields.pop('ipv4_compat')
    return {'name': name, 'address': where, 'filter_chains': [filter_chain(manager)], **fields}


def bootstrap(listeners, clusters, admin_port=0, **fields):
    return {'admin': {'address': socket_address('127.0.0.1', admin_port)}, **fields,
            'static_resources': {'listeners': listeners, 'clusters': clusters}}


def config(*clusters, routes=(), admin_port=0, **manager):
    """The usual case: one listener `ingress`, all to cluster `up`, fields of the connection manager as keywords."""
    return bootstrap([listener(hcm(*routes, **manager))], list(clusters), admin_port)


def tcp_config(*clusters, to='up', tls=None, **fields):
    """One listener `ingress` with a tcp_proxy; fields of the filter as keywords; tls: transport_socket."""
    one = {**listener(), 'filter_chains': [filter_chain(tcp_proxy(to, **fields), tls=tls)]}
    return bootstrap([one], list(clusters))
