# SPDX-License-Identifier: Apache-2.0
"""Health checks over HTTP/2, gRPC and TLS, against servers that are not ours."""
from concurrent import futures

from harness import *
from harness.grpc_peer import grpc

FAST = {'timeout': '5s', 'interval': '0.05s', 'no_traffic_interval': '0.05s', 'unhealthy_threshold': 1, 'healthy_threshold': 1}


def http2(path):
    return [{**FAST, 'http_health_check': {'path': path, 'codec_client_type': 'HTTP2'}}]


def by_grpc(service):
    return [{**FAST, 'grpc_health_check': {'service_name': service}}]


class Health:
    """grpc.health.v1.Health, by hand: {service name: status}."""

    def __init__(self, **statuses):
        self.statuses, self.server = statuses, grpc.server(futures.ThreadPoolExecutor(8))
        handlers = {'Check': grpc.unary_unary_rpc_method_handler(self.check)}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('grpc.health.v1.Health', handlers),))
        self.port = self.server.add_insecure_port('127.0.0.1:0')
        self.server.start()

    def check(self, message, context):
        service = message[2:].decode()
        if service not in self.statuses:
            context.abort(grpc.StatusCode.NOT_FOUND, 'unknown service')
        return bytes([8, self.statuses[service]])


health = Health(good=1, bad=2)
plain = Nghttpd()
certificate = Authority('Ours').issue('a.test')
secure = Nghttpd(certificate=certificate)
tls = upstream_tls()
clusters = [cluster('up', plain.port, health_checks=http2('/')), cluster('missing', plain.port, health_checks=http2('/nowhere')),
            cluster('secure', secure.port, transport_socket=tls, health_checks=http2('/')),
            cluster('serving', health.port, health_checks=by_grpc('good')), cluster('not_serving', health.port, health_checks=by_grpc('bad')),
            cluster('unknown', health.port, health_checks=by_grpc('nobody'))]
proxy = Proxy(config(*clusters))
for name, wanted in {'up': 1, 'missing': 0, 'secure': 1, 'serving': 1, 'not_serving': 0, 'unknown': 0}.items():
    expect(proxy.stat(f'cluster.{name}.membership_healthy'), wanted, name)
    expect(proxy.stat(f'cluster.{name}.health_check.network_failure'), 0, name)
health.statuses.update(good=2, bad=1)
proxy.wait_stat('cluster.serving.membership_healthy', 0)
proxy.wait_stat('cluster.not_serving.membership_healthy', 1)
health.server.stop(0)
