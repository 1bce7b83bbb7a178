# SPDX-License-Identifier: Apache-2.0
"""/runtime_modify changes what is logged and routed, at once and on every worker; /runtime and the stats show it."""
from harness import *
from harness.config import match

log = f'{TMP}/access'
fraction = {'runtime_fraction': {'default_value': {'numerator': 0}, 'runtime_key': 'routing.traffic_shift.new'}}
split = {'weighted_clusters': {'runtime_key_prefix': 'split', 'clusters': [{'name': 'old', 'weight': 1}, {'name': 'new', 'weight': 0}]}}
old, new = Upstream(answer(b'old')), Upstream(answer(b'new'))
one = config(cluster('old', old.port), cluster('new', new.port),
             routes=[{'match': {'prefix': '/', **fraction}, 'route': {'cluster': 'new'}}, {'match': match('/split'), 'route': split},
                     direct('/', 200, 'default')],
             access_log=[access_log(log, '%REQ(:PATH)%\n', filter={'status_code_filter': {'comparison': {
                 'op': 'GE', 'value': {'default_value': 500, 'runtime_key': 'ingress_min_log_code'}}}})])
one['layered_runtime'] = {'layers': [{'name': 'static_layer_0', 'static_layer': {'health_check': {'min_interval': 5}, 'ingress_min_log_code': 600}},
                                     {'name': 'admin_layer_0', 'admin_layer': {}}]}


def set_runtime(query, method='POST'):
    response = proxy.admin('/runtime_modify' + query, method)
    return response.status, response.body.decode()


def body(path):
    return request(proxy.port, path).body.decode()


proxy = Proxy(one, '--file-flush-interval-msec', '20', '--concurrency', '2')
expect(proxy.admin_json('/runtime'), {'layers': ['static_layer_0', 'admin_layer_0'], 'entries': {
    'health_check.min_interval': {'final_value': '5', 'layer_values': ['5', '']},
    'ingress_min_log_code': {'final_value': '600', 'layer_values': ['600', '']}}})
proxy.wait_stat('runtime.num_layers', 2)
stats = proxy.stats()
expect([stats[f'runtime.{name}'] for name in ('num_keys', 'admin_overrides_active', 'load_success', 'load_error')], [2, 0, 1, 0])
expect({body('/before') for _ in range(8)}, {'default'})

expect(set_runtime('?ingress_min_log_code=200&routing.traffic_shift.new=100'), (200, 'OK\n'))
expect(proxy.admin_json('/runtime')['entries']['ingress_min_log_code'], {'final_value': '200', 'layer_values': ['600', '200']})
# Each connection may be another worker's.
expect({body('/during') for _ in range(8)}, {'new'})
stats = proxy.stats()
expect([stats[f'runtime.{name}'] for name in ('num_keys', 'admin_overrides_active', 'load_success')], [3, 1, 2])
expect(set_runtime('?routing.traffic_shift.new=&split.old=0&split.new=7'), (200, 'OK\n'))
expect({body('/split') for _ in range(8)}, {'new'})
expect(set_runtime('?split.old=&split.new='), (200, 'OK\n'))
expect({body('/split') for _ in range(8)}, {'old'})
expect(set_runtime('?ingress_min_log_code='), (200, 'OK\n'))
expect(proxy.stat('runtime.admin_overrides_active'), 0)
body('/after')
proxy.end()
expect(sorted(open(log).read().split()), ['/during'] * 8 + ['/split'] * 16)

proxy = Proxy(one)
expect(set_runtime('?a=1', 'GET'), (405, 'Method GET not allowed, POST required.'))
expect(set_runtime('')[0], 400)
expect(set_runtime('?b=1&a=%7Bnumerator')[0], 503)
expect('b' in proxy.admin_json('/runtime')['entries'], False)
expect_in('usage: /runtime_modify?key1=value1', set_runtime('')[1])
proxy.end()
del one['layered_runtime']
proxy = Proxy(one)
expect(proxy.admin_json('/runtime'), {'layers': [], 'entries': {}})
expect(set_runtime('?a=1'), (503, 'No admin layer specified'))
