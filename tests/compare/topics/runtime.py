# SPDX-License-Identifier: Apache-2.0
"""Runtime values: layers, what may stand in one, fractions and weights by them, maintenance, circuit breakers, panic, retries, limits of connections, /runtime and /runtime_modify."""
import itertools

from compare.exchange import Ask, Exchange, Verdict
from harness import cluster, config, direct, route
from harness.config import EXTENSION

STATIC = {
    'whole': 5, 'big': 1234567, 'huge': 12345678901234, 'real': 0.25, 'negative': -3, 'yes': True, 'no': False, 'word': 'low', 'digits': '17', 'empty': '',
    'nested': {'a': {'b': 1}, 'c.d': 2}, 'share': {'numerator': 5, 'denominator': 'TEN_THOUSAND'}, 'half_a_share': {'numerator': 5},
    'route': {'all': 100, 'none': 0, 'word': 'x', 'share': {'numerator': 1000000, 'denominator': 'MILLION'}, 'real': 100.5, 'much': 1000},
    'split': {'up': 0, 'down': 7}, 'logged': 200}
KEYS = ('all', 'none', 'word', 'share', 'real', 'much', 'unset', 'set')
SET = ('100', '0', 'true', '100.0', '1e2', '"100"', '{"numerator":100}', '{numerator: 100, denominator: HUNDRED}', '{"numerator": 0, "denominator": "MILLION"}',
       '{"numerator": 1', '-1', 'x', '[100]', ' 100 ', '0x64')


def by_key(key, numerator):
    return {'match': {'prefix': f'/{key}/{numerator}', 'runtime_fraction': {'default_value': {'numerator': numerator}, 'runtime_key': f'route.{key}'}},
            'direct_response': {'status': 201}}


def sick(upstream):
    """One endpoint that nobody is to ask, unless there is panic."""
    made = {**cluster('sick', upstream), 'common_lb_config': {'healthy_panic_threshold': {'value': 0}}}
    made['load_assignment']['endpoints'][0]['lb_endpoints'][0]['health_status'] = 'UNHEALTHY'
    return made


def configuration(upstream, log):
    log = [{**one, 'filter': {'status_code_filter': {'comparison': {'op': 'GE', 'value': {'default_value': 600, 'runtime_key': 'logged'}}}}} for one in log]
    made = config(cluster('up', upstream), cluster('down', 1), sick(upstream), access_log=log, routes=[
        *(by_key(key, numerator) for key in KEYS for numerator in (0, 100)),
        {'match': {'prefix': '/split'}, 'route': {'weighted_clusters': {'runtime_key_prefix': 'split', 'clusters': [
            {'name': 'up', 'weight': 1}, {'name': 'down', 'weight': 0}]}}},
        route('/up'), route('/sick', 'sick'), route('/retried', 'down', retry_policy={'retry_on': 'connect-failure', 'num_retries': 2}), direct('/', 200)])
    made['admin']['ignore_global_conn_limit'] = True
    made['layered_runtime'] = {'layers': [{'name': 'base', 'static_layer': STATIC}, {'name': 'admin', 'admin_layer': {}}]}
    return made


def request(path):
    return Exchange(path, f'GET {path} HTTP/1.1\r\nhost: a\r\n\r\n')


def modify(query):
    return Ask(f'/runtime_modify?{query}', 'POST')


LAYERS = {
    'no name': [{'static_layer': {}}], 'no kind': [{'name': 'a'}], 'same name': [{'name': 'a', 'static_layer': {}}, {'name': 'a', 'static_layer': {}}],
    'two admin layers': [{'name': 'a', 'admin_layer': {}}, {'name': 'b', 'admin_layer': {}}], 'no layers': [],
    'a list': [{'name': 'a', 'static_layer': {'b': [1]}}], 'null': [{'name': 'a', 'static_layer': {'b': None}}],
    'no directory': [{'name': 'a', 'disk_layer': {'symlink_root': '/nowhere/current'}}], 'no root': [{'name': 'a', 'disk_layer': {}}]}


CONNECTIONS = EXTENSION + 'resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig'
MONITOR = {'name': 'envoy.resource_monitors.global_downstream_max_connections', 'typed_config': {'@type': CONNECTIONS, 'max_active_downstream_connections': 4}}
OVERLOAD = {
    'one': [MONITOR], 'two': [MONITOR, MONITOR], 'none': [], 'no limit': [{**MONITOR, 'typed_config': {'@type': CONNECTIONS}}],
    'zero': [{**MONITOR, 'typed_config': {'@type': CONNECTIONS, 'max_active_downstream_connections': 0}}],
    'negative': [{**MONITOR, 'typed_config': {'@type': CONNECTIONS, 'max_active_downstream_connections': -1}}],
    'much': [{**MONITOR, 'typed_config': {'@type': CONNECTIONS, 'max_active_downstream_connections': '12345678901'}}],
    'no type': [{'name': MONITOR['name']}], 'no name': [{'typed_config': MONITOR['typed_config']}]}


def exchanges(options):
    yield request('/up')
    yield Ask('/runtime', json=True)
    for key, numerator in itertools.product(KEYS, (0, 100)):
        yield request(f'/{key}/{numerator}')
    yield request('/split')
    for text in SET:
        escaped = ''.join(c if c.isalnum() else f'%{ord(c):02x}' for c in text)
        yield modify(f'route.set={escaped}&text={escaped}')
        yield Ask('/runtime', json=True)
        yield request('/set/0')
        yield request('/set/100')
    yield modify('route.set=&text=')
    yield Ask('/runtime', json=True)
    yield request('/set/100')
    yield modify('split.up=0&split.down=0')
    yield request('/split')
    yield modify('split.up=1&split.down=0&upstream.maintenance_mode.up=100')
    yield request('/split')
    yield request('/up')
    yield modify('upstream.maintenance_mode.up=&logged=')
    yield request('/up')
    for name in ('max_requests', 'max_connections', 'max_pending_requests'):
        yield modify(f'circuit_breakers.up.default.{name}=0')
        yield request('/up')
        yield modify(f'circuit_breakers.up.default.{name}=')
        yield request('/up')
    yield request('/sick')
    yield modify('upstream.healthy_panic_threshold=50')
    yield request('/sick')
    yield modify('upstream.healthy_panic_threshold=&upstream.base_retry_backoff_ms=1')
    yield request('/sick')
    yield request('/retried')
    for query in ('upstream.use_retry=0', 'upstream.use_retry=&circuit_breakers.down.default.max_retries=0', 'circuit_breakers.down.default.max_retries='):
        yield modify(query)
        yield request('/retried')
    yield modify('overload.global_downstream_max_connections=0')
    yield Exchange('beyond the process', '')
    yield modify('overload.global_downstream_max_connections=&envoy.resource_limits.listener.ingress.connection_limit=0')
    yield Exchange('beyond the listener', '')
    yield modify('envoy.resource_limits.listener.ingress.connection_limit=')
    yield request('/up')
    yield Ask('/runtime_modify', 'POST')
    yield Ask('/runtime_modify?a=1')
    for name, layers in LAYERS.items():
        yield Verdict(name, {**config(cluster('up', 1)), 'layered_runtime': {'layers': layers}})
    for name, monitors in OVERLOAD.items():
        yield Verdict(f'overload manager: {name}', {**config(cluster('up', 1)), 'overload_manager': {'resource_monitors': monitors}})
    yield Verdict('fraction without a value', config(cluster('up', 1), routes=[{'match': {'prefix': '/', 'runtime_fraction': {'runtime_key': 'a'}}, 'direct_response': {'status': 200}}]))
