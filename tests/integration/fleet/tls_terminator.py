# SPDX-License-Identifier: Apache-2.0
"""TLS in front of one service, as a whole: a listener for both families, chains by server name, an error page, WebSocket, HTTP/1.0,
names in proper case, short idle timeouts; over HTTP/1 and HTTP/2, before and after a reload."""
import socket
import ssl
import threading

from harness import *
from harness.name_server import NameServer, own_network

own_network()
NameServer()  # nothing is to be resolved: its loopback is up
authority = Authority()
named, other = authority.issue('a.test', 'DNS:a.test', 'DNS:*.b.test'), authority.issue('other.test')
with open(f'{TMP}/error_page.html', 'w') as page:
    page.write('<h1>%RESPONSE_CODE%</h1><p style="width: 100%%">%REQ(:AUTHORITY)%\n')


def respond(request, connection):
    if request.path == '/socket':
        return tunnel_echo()(request, connection)
    if request.path == '/silent':
        return silent(request, connection)
    if request.path == '/theirs':
        return answer(b'theirs', status=503, headers=[('server', 'theirs/1')])(request, connection)
    seen = [request.headers[name] for name in ('x-forwarded-for', 'x-forwarded-proto', 'host')]
    answer(' '.join(seen).encode())(request, connection)


def by_version(connection):
    """Requests by HTTP/2 are nghttpd's."""
    connection.fill()
    if not connection.input.startswith(b'PRI'):
        return
    with socket.create_connection(('127.0.0.1', newer.port)) as behind:
        def back():
            while data := behind.recv(65536):
                connection.send(data)
        threading.Thread(target=back, daemon=True).start()
        while True:
            behind.sendall(connection.input)
            connection.input = b''
            connection.fill()


newer = Nghttpd(files={'index.html': b'by HTTP/2\n'})
service = Upstream(respond, port=80, on_connect=by_version)

CHAIN = """
    - MATCHtransport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: {filename: "CERTIFICATE"}
              private_key: {filename: "KEY"}
      filters:
      - name: envoy.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          upgrade_configs:
          - upgrade_type: websocket
          use_remote_address: true
          skip_xff_append: false
          common_http_protocol_options:
            idle_timeout: 1.0s
          stream_idle_timeout: 180.0s
          http_protocol_options:
            accept_http_10: true
            header_key_format:
              proper_case_words: {}
          stat_prefix: ingress_http
          local_reply_config:
            mappers:
            - filter:
                status_code_filter:
                  comparison:
                    op: GE
                    value: {default_value: 502, runtime_key: errorpage_min_code}
              body_format_override:
                text_format_source: {filename: "TMP/error_page.html"}
                content_type: text/html; charset=UTF-8
          access_log:
          - name: envoy.file_access_log
            filter:
              status_code_filter:
                comparison:
                  op: GE
                  value: {default_value: 500, runtime_key: NAME_min_log_code}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: "TMP/NAME.log"
          route_config:
            virtual_hosts:
            - name: NAME_port_80
              domains: DOMAINS
              routes:
              - match: {prefix: "/"}
                route:
                  cluster: local_port_80
                  timeout: 65.0s
                  idle_timeout: 0.5s
                  retry_policy: {num_retries: 0}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          server_header_transformation: APPEND_IF_ABSENT
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
  listeners:
  - address:
      socket_address: {port_value: 443, address: "::", ipv4_compat: true}
    listener_filters:
    - name: envoy.filters.listener.tls_inspector
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector
    tcp_fast_open_queue_length: 150
    filter_chains:CHAINS
  clusters:
  - name: local_port_80
    connect_timeout: 1.0s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options:
          idle_timeout: 4.5s
          max_requests_per_connection: 100
        use_downstream_protocol_config: {}
    type: strict_dns
    lb_policy: round_robin
    load_assignment:
      cluster_name: local_port_80
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: 127.0.0.1, port_value: 80}
"""
DOMAINS = '[a.test, "*.b.test"]'


def chain(name, certificate, domains, match=''):
    words = {'MATCH': match, 'CERTIFICATE': certificate.chain, 'KEY': certificate.key, 'DOMAINS': domains, 'NAME': name}
    text = CHAIN
    for word, value in words.items():
        text = text.replace(word, value)
    return text.rstrip()


chains = chain('named', named, '["*"]', f'filter_chain_match: {{server_names: {DOMAINS}}}\n      ') + chain('other', other, DOMAINS)
proxy = Supervisor(BOOTSTRAP.replace('CHAINS', chains).replace('TMP', TMP), '--file-flush-interval-msec', '20')


def dial(sni='a.test', host='127.0.0.1', **how):
    return TlsClient((host, 443), authority, sni, **how)


def head_of(client, data):
    client.send(data)
    return client.until(b'\r\n\r\n').decode()


def serves_all():
    for host in ('127.0.0.1', '::1'):
        with dial(host=host) as client:
            expect(client.request('/', headers={'x-forwarded-for': '192.0.2.1'}, host='anything').body.decode(),
                   '192.0.2.1,127.0.0.1 https anything')  # of who comes by loopback: the host's own address
    for sni, host, status in (('x.b.test', 'nobody', 200), ('other.test', 'a.test', 200), ('other.test', 'nobody', 404)):
        with dial(sni) as client:
            expect(client.request('/', host=host).status, status)
            expect(client.socket.getpeercert()['subject'], ((('commonName', 'a.test' if sni == 'x.b.test' else 'other.test'),),))
    with dial() as client:
        head = head_of(client, 'GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
        for line in ('Content-Length: 22', 'Server: envoy', 'X-Envoy-Upstream-Service-Time: '):
            expect_in(f'\r\n{line}', head)
        client.take(22)
        response = client.request('/theirs')
        expect((response.status, response.headers['server'], response.body), (503, 'theirs/1', b'theirs'))
    with dial() as client:
        expect_in('\r\nConnection: close', head_of(client, 'GET / HTTP/1.0\r\nhost: a.test\r\n\r\n'))
        expect(client.rest(), ('eof', b'127.0.0.1 https a.test'))
    with dial() as client:
        expect_in(' 101 ', head_of(client, UPGRADE.replace(b'GET / ', b'GET /socket ')))
        client.send('hello')
        expect(client.take(5), b'HELLO')
    context = ssl.create_default_context(cafile=authority.path)
    context.check_hostname = False
    with Http2Client(('127.0.0.1', 443), tls=context) as client:
        response = client.request('/', host='a.test')
        expect((response.status, response.body), (200, b'by HTTP/2\n'))


class Visitors(threading.Thread):
    """Comes again and again, each time by a connection of its own. `served`: how often all was well; `error`: what was not."""

    def __init__(self):
        super().__init__(daemon=True)
        self.served, self.error, self.stop = 0, None, threading.Event()
        self.start()

    def run(self):
        while not self.stop.is_set() and not self.error:
            try:
                with dial() as client:
                    expect(client.request('/').status, 200)
                self.served += 1
            except Exception as error:
                self.error = error

    def wait_more(self):
        enough = self.served + 5
        wait_for('visitors', lambda: self.error or self.served >= enough)

    def end(self):
        self.stop.set()
        self.join()
        expect(self.error, None)
        return self.served


def lines(name):
    return open(f'{TMP}/{name}.log').read().splitlines()


serves_all()
visitors = Visitors()
visitors.wait_more()
proxy.reload()
visitors.wait_more()
count = visitors.end()
serves_all()

# Nothing happens for so long: a stream ends with an error page, and a connection is drained.
with dial() as client:
    response = client.request('/silent', host='a.test')
    expect((response.status, response.body), (504, b'<h1>504</h1><p style="width: 100%">a.test\n'))
    expect(response.headers['content-type'], 'text/html; charset=UTF-8')
    proxy.wait_stat('http.ingress_http.downstream_cx_idle_timeout', lambda value: value >= 1)

service.close()
with dial() as client:
    response = client.request('/', host='a.test')
    expect((response.status, response.body), (503, b'<h1>503</h1><p style="width: 100%">a.test\n'))
wait_for('lines of errors', lambda: len(lines('named')) == 4)
expect([line.split('"')[2].split()[:2] for line in lines('named')], [['503', '-'], ['503', '-'], ['504', 'SI'], ['503', 'UF']])
expect(lines('other'), [])
# One prefix for both chains: their statistics add up, over both generations.
stats = {kind: proxy.stat(f'http.ingress_http.downstream_rq_{kind}xx') for kind in (1, 2, 4, 5)}
expect(stats, {1: 2, 2: 14 + count, 4: 2, 5: 4})
