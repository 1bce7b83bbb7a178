# SPDX-License-Identifier: Apache-2.0
"""Keys of clusters: circuit breakers, panic threshold, maintenance mode, retries and outlier detection follow the runtime while serving."""
from harness import *

bad = Upstream(answer(b'', status=503))
well = Upstream(answer(b'well'))
sick = {**cluster('panics', well.port), 'common_lb_config': {'healthy_panic_threshold': {'value': 0}}}
sick['load_assignment']['endpoints'][0]['lb_endpoints'][0]['health_status'] = 'UNHEALTHY'
one = config(cluster('up', well.port), sick, cluster('bad', bad.port),
             {**cluster('watched', bad.port), 'outlier_detection': {'consecutive_5xx': 1000, 'max_ejection_percent': 100}},
             routes=[route('/panics', cluster='panics'), route('/watched', cluster='watched'),
                     route('/bad', cluster='bad', retry_policy={'retry_on': '5xx', 'num_retries': 2}), route('/')])
one['layered_runtime'] = {'layers': [{'name': 'admin', 'admin_layer': {}}]}
proxy = Proxy(one, '--concurrency', '1')


def set_runtime(query):
    expect(proxy.admin('/runtime_modify?' + query, 'POST').status, 200)


def ask(path):
    response = request(proxy.port, path)
    return response.status, response.body.decode()


expect(ask('/'), (200, 'well'))
set_runtime('upstream.maintenance_mode.up=100')
response = request(proxy.port, '/')
expect((response.status, response.body, response.headers['x-envoy-overloaded']), (503, b'maintenance mode', 'true'))
expect([proxy.stat(f'cluster.up.{name}') for name in ('upstream_rq_maintenance_mode', 'upstream_rq_503')], [1, 1])
set_runtime('upstream.maintenance_mode.up=&circuit_breakers.up.default.max_requests=0')
proxy.wait_stat('cluster.up.circuit_breakers.default.rq_open', 1)
expect(ask('/')[0], 503)
expect(proxy.stat('cluster.up.upstream_rq_pending_overflow') + proxy.stat('cluster.up.upstream_rq_active_overflow'), 1)
set_runtime('circuit_breakers.up.default.max_requests=')
proxy.wait_stat('cluster.up.circuit_breakers.default.rq_open', 0)
expect(ask('/'), (200, 'well'))

expect(ask('/panics'), (503, 'no healthy upstream'))
set_runtime('upstream.healthy_panic_threshold=50')
expect(ask('/panics'), (200, 'well'))

set_runtime('upstream.base_retry_backoff_ms=1')
expect(ask('/bad')[0], 503)
expect(proxy.stat('cluster.bad.upstream_rq_retry'), 2)
set_runtime('upstream.use_retry=0')
expect(ask('/bad')[0], 503)
expect(proxy.stat('cluster.bad.upstream_rq_retry'), 2)

expect([ask('/watched')[0] for _ in range(3)], [503] * 3)
expect(proxy.stat('cluster.watched.outlier_detection.ejections_active'), 0)
set_runtime('outlier_detection.consecutive_5xx=4')
expect(ask('/watched')[0], 503)
proxy.wait_stat('cluster.watched.outlier_detection.ejections_active', 1)
