# SPDX-License-Identifier: Apache-2.0
"""No more downstream connections than the runtime or the overload manager allows, over all listeners and workers; who may, ignores it."""
from contextlib import ExitStack

from harness import *
from harness.config import EXTENSION, socket_address

ADMIN = {'admin': {'address': socket_address('127.0.0.1', 0), 'ignore_global_conn_limit': True}}
listeners = [listener(hcm(direct('/', 200))), {**listener(hcm(direct('/', 200)), name='free'), 'ignore_global_conn_limit': True},
             tcp_config(to='up')['static_resources']['listeners'][0] | {'name': 'tunnel'}]


def take(port):
    """A connection that is served: those of before may not have gone yet."""
    def one():
        client = Client(port)
        try:
            client.request('/')
            return client
        except (OSError, EOFError, AssertionError):
            client.close()
    return wait_for('a connection', one)


def is_refused(port):
    with Client(port) as client:
        try:
            return not client.request('/')
        except (OSError, EOFError, AssertionError):
            return True


def overflows(proxy, name='downstream_global_cx_overflow'):
    return sum(value for stat, value in proxy.stats().items() if stat.endswith('.' + name))


def limits(proxy, most):
    """Of `most` connections one is a tunnel; the next one is closed without a word."""
    ports = proxy.listener_ports()
    with ExitStack() as stack:
        for port in [ports['ingress']] * (most - 1) + [ports['tunnel']]:
            stack.enter_context(take(port))
        before = overflows(proxy)
        expect([is_refused(ports[name]) for name in ('ingress', 'tunnel', 'ingress')], [True] * 3)
        expect(is_refused(ports['free']), False)
        expect(overflows(proxy) - before, 3)
    take(ports['ingress']).close()


clusters = [cluster('up', Upstream().port)]
layers = [{'name': 'base', 'static_layer': {'overload': {'global_downstream_max_connections': 5}}}, {'name': 'admin', 'admin_layer': {}}]
proxy = Proxy(bootstrap(listeners, clusters, **ADMIN, layered_runtime={'layers': layers}))
limits(proxy, 5)
expect(proxy.admin('/runtime_modify?overload.global_downstream_max_connections=3', 'POST').status, 200)
limits(proxy, 3)
proxy.end()

monitor = {'name': 'envoy.resource_monitors.global_downstream_max_connections', 'typed_config': {
    '@type': EXTENSION + 'resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig', 'max_active_downstream_connections': 4}}
proxy = Proxy(bootstrap(listeners, clusters, **ADMIN, overload_manager={'resource_monitors': [monitor]},
                        layered_runtime={'layers': layers}))
limits(proxy, 4)

# Who ignores the overload manager's limit does not count for it.
free, ingress = (proxy.port_of(name) for name in ('free', 'ingress'))
with ExitStack() as stack:
    for port in [free] * 5 + [ingress] * 4:
        stack.enter_context(take(port))
    expect([is_refused(ingress), is_refused(free)], [True, False])

# One listener's own limit, by its name.
expect(proxy.admin('/runtime_modify?envoy.resource_limits.listener.free.connection_limit=1', 'POST').status, 200)
port = proxy.port_of('free')
with take(port):
    before = overflows(proxy, 'downstream_cx_overflow')
    expect(is_refused(port), True)
    expect(overflows(proxy, 'downstream_cx_overflow') - before, 1)
