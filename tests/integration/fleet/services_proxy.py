# SPDX-License-Identifier: Apache-2.0
"""An egress proxy beside an application, as a whole: plain listeners without names, TLS to upstreams that DNS finds, a traffic shift
by runtime, host rewrites, retries, a log of errors only; over HTTP/1.1 and HTTP/2, before and after a reload."""
import ssl

from harness import *
from harness.name_server import NameServer, own_network

own_network()
names = NameServer()
authority = Authority()
HOSTS = ('shop', 'shop-next', 'search', 'sessions')
for name in HOSTS:
    names.answers[f'{name}.svc.test'] = [['127.0.0.1']]
certificate = authority.issue('svc.test', *(f'DNS:{name}.svc.test' for name in HOSTS))
server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server_side.load_cert_chain(certificate.chain, certificate.key)


def nginx(text):
    return Nginx(f"{Nginx.tls(certificate)} location / {{ return 200 '{text} $host $http_x_forwarded_proto $server_protocol "
                 "$ssl_protocol $ssl_cipher $ssl_server_name'; }", 'ssl http2')


FAILING = {'/once': [503, 200], '/twice': [503, 503, 200]}
turns = {}


def by_turns(request, connection):
    statuses = FAILING.get(request.path, [200])
    turns[request.path] = turns.get(request.path, -1) + 1
    answer(request.headers['host'].encode(), status=statuses[turns[request.path] % len(statuses)])(request, connection)


shop, following, search = nginx('shop'), nginx('following'), Upstream(by_turns, tls=server_side)
sessions = Nghttpd(files={'index.html': b'sessions\n'})

LISTENER = """
  - address: {socket_address: {protocol: TCP, address: 0.0.0.0, port_value: PORT}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          access_log:
          - filter:
              status_code_filter:
                comparison:
                  op: GE
                  value: {default_value: 500, runtime_key: NAME_min_log_code}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: "TMP/NAME.log"
          stat_prefix: NAME_egress
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            request_headers_to_remove: [x-forwarded-proto]
            request_headers_to_add:
            - header: {key: x-forwarded-proto, value: https}
            name: NAME_route
            virtual_hosts:
            - name: NAME
              domains: ["*"]
              routes:ROUTES
"""
SHIFTED = """
              - match:
                  prefix: "/"
                  runtime_fraction:
                    default_value: {numerator: 10, denominator: HUNDRED}
                    runtime_key: routing.traffic_shift.NAME"""
ROUTE = """
                route:
                  REWRITE
                  cluster: CLUSTER
                  timeout: 10s
                  idle_timeout: 180s
                  retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 20s}"""
CLUSTER = """
  - name: NAME
    connect_timeout: 0.25s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options:
          idle_timeout: 0.1s
          max_requests_per_connection: 20
        use_downstream_protocol_config: {}
    type: STRICT_DNS
    dns_lookup_family: V4_ONLY
    lb_policy: ROUND_ROBIN
    load_assignment:
      cluster_name: cluster_NAME
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: NAME.svc.test, port_value: PORT}
"""
TLS = """
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: NAME.svc.test
        common_tls_context:
          tls_params:
            cipher_suites: ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
          validation_context:
            trusted_ca: {filename: "AUTHORITY"}
"""
COLLECTOR = """
  - name: collector
    connect_timeout: 1.0s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {max_concurrent_streams: 100}
    type: static
    lb_policy: round_robin
    load_assignment: {cluster_name: collector, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 4317}}}}]}]}
"""
BOOTSTRAP = """
admin:
  access_log:
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
      path: "TMP/admin-access.log"
  address: {socket_address: {address: 0.0.0.0, port_value: 9631}}
  ignore_global_conn_limit: true
layered_runtime:
  layers:
  - name: static_layer_0
    static_layer:
      overload:
        global_downstream_max_connections: 50000
  - name: admin_layer_0
    admin_layer: {}
static_resources:
"""


def filled(text, **words):
    for word, value in words.items():
        text = text.replace(word, str(value))
    return text.replace('\n\n', '\n')


def route_to(cluster, rewrite='auto_host_rewrite: true', match='\n              - match: {prefix: "/"}'):
    return match + filled(ROUTE, REWRITE=rewrite, CLUSTER=cluster)


listeners = (filled(LISTENER, ROUTES=route_to('shop-next', match=SHIFTED) + route_to('shop'), NAME='shop', PORT=6500, TMP=TMP)
             + filled(LISTENER, ROUTES=route_to('search', 'host_rewrite_literal: literal.test'), NAME='search', PORT=6501, TMP=TMP)
             + filled(LISTENER, ROUTES=route_to('sessions'), NAME='sessions', PORT=6502, TMP=TMP))
clusters = ''.join(filled(CLUSTER + TLS, NAME=name, PORT=port, AUTHORITY=authority.path)
                   for name, port in (('shop', shop.port), ('shop-next', following.port), ('search', search.port)))
clusters += filled(CLUSTER, NAME='sessions', PORT=sessions.port) + COLLECTOR
service = Supervisor(filled(BOOTSTRAP, TMP=TMP) + '  listeners:' + listeners + '  clusters:' + clusters, '--file-flush-interval-msec', '20')


def set_runtime(**values):
    query = '&'.join(f'{key.replace("__", ".")}={value}' for key, value in values.items())
    expect(service.admin(f'/runtime_modify?{query}', 'POST').status, 200)


def shifts(clients):
    """How many of 300 requests go the new way by default; 30 are to be expected, and none of so few or many in a thousand years."""
    bodies = [client.request('/').body.split()[0] for client in clients for _ in range(300 // len(clients))]
    expect(set(bodies), {b'shop', b'following'})
    expect(3 < bodies.count(b'following') < 80, True, bodies.count(b'following'))


def serves_all():
    with Client(6500) as client, Http2Client(6500) as newer:
        shifts([client, newer])
        for shift, name, host in ((100, 'following', 'shop-next'), (0, 'shop', 'shop')):
            set_runtime(**{'routing__traffic_shift__shop': shift})
            for one, version in ((client, '1.1'), (newer, '2.0')):
                wait_for('the shift', lambda: one.request('/').body.decode().startswith(name + ' '))
                response = one.request('/', headers={'x-forwarded-proto': 'http'}, host='localhost:6500')
                expect(response.body.decode(), f'{name} {host}.svc.test https HTTP/{version} TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 {host}.svc.test')
    with Client(6501) as client:
        before = service.stat('cluster.search.upstream_rq_retry')
        expect([(one.status, one.body) for one in map(client.request, ('/', '/once', '/twice'))],
               [(200, b'literal.test'), (200, b'literal.test'), (503, b'literal.test')])
        expect(service.stat('cluster.search.upstream_rq_retry') - before, 2)
        turns.clear()
    with Http2Client(6502) as client:
        expect(client.request('/').body, b'sessions\n')
    # Idle connections are closed before the upstream would.
    service.wait_stat('cluster.sessions.upstream_cx_active', 0)


def lines(name):
    return open(f'{TMP}/{name}.log').read().splitlines()


serves_all()
wait_for('the log', lambda: len(lines('search')) == 1)
expect_in('"GET /twice HTTP/1.1" 503 URX', lines('search')[0].replace('upstream_reset', ''))
expect(lines('shop') + lines('sessions'), [])
stats = service.stats()
for name in ('shop', 'shop-next', 'search', 'sessions'):
    expect(stats[f'cluster.{name}.membership_healthy'], 1)
expect_true(stats['cluster.shop.upstream_cx_max_requests'] > 0, 'connections end after so many requests')
expect(stats['http.search_egress.downstream_rq_5xx'], 1)

# All requests of one listener are logged for a while, with a connection that stays over the reload.
with Client(6501) as client:
    set_runtime(search_min_log_code=200)
    wait_for('a line for each', lambda: client.request('/').status == 200 and len(lines('search')) > 1)
    set_runtime(overload__global_downstream_max_connections=1)

    def is_refused():
        with Client(6501) as other:
            return other.rest()[0] in ('eof', 'reset')
    wait_for('no room', is_refused)
    expect(service.admin('/ready').status, 200)
    service.reload()
    expect(client.request('/').status, 200)

# What the administrator set has ended with its generation.
service.wait_stat('runtime.admin_overrides_active', 0)
expect(service.admin_json('/runtime')['entries'], {'overload.global_downstream_max_connections': {'final_value': '50000', 'layer_values': ['50000', '']}})
logged = len(lines('search'))
serves_all()
wait_for('the log', lambda: len(lines('search')) > logged)
expect([line for line in lines('search')[logged:] if '/twice' not in line], [])
expect_in('GET /ready', '\n'.join(lines('admin-access')))
