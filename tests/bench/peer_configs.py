# SPDX-License-Identifier: Apache-2.0
"""How each proxy is told to do a job: one worker, keep-alive both ways, x-forwarded-proto and (but nghttpx) x-request-id
for the upstream, no access log unless the job asks for one: then each writes its own usual line, in its own usual way.

A peer is a function of (directory, job, port, upstream port, certificate) that writes its configuration and returns the
command, or None where it cannot do the job.
"""
import os
import resource
import shutil
from collections import namedtuple

from harness import access_log, bootstrap, cluster, downstream_tls, hcm, listener, to_yaml
from harness.config import EXTENSION
from harness.programs import BUILD, binary

# listens: http (HTTP/1.1 in cleartext), tls (h2 and http/1.1 by ALPN), tcp. speaks: http1, h2 (cleartext), grpc (h2 too), tcp.
# extra: 'routes', a table of 100 that choose by an expression and a header field; 'log', an access log.
Job = namedtuple('Job', 'listens speaks extra', defaults=[None])
PLAIN, TLS, TLS_TO_H2 = Job('http', 'http1'), Job('tls', 'http1'), Job('tls', 'h2')
GRPC, TUNNEL = Job('tls', 'grpc'), Job('tcp', 'tcp')
ROUTES, LOG = Job('http', 'http1', 'routes'), Job('http', 'http1', 'log')

# The table's entry i; the last is asked for.
TABLE = [(f'/r{i}/[a-z]+/[0-9]+', f't{i}') for i in range(100)]
LAST_OF_TABLE = '/r99/abc/42', 'x-tenant: t99'

# A proxied connection may need two, and haproxy insists on having them.
FILES = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 30000)
MOST_CONNECTIONS = (FILES - 200) // 2

NGINX = """{modules}daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
worker_rlimit_nofile {files};
events {{ worker_connections {connections}; }}
{service}
"""

NGINX_HTTP = """http {{
  access_log {log}; keepalive_requests 1000000000; keepalive_timeout 3600; proxy_buffering on;
  client_body_temp_path {directory}/a; proxy_temp_path {directory}/b; fastcgi_temp_path {directory}/c;
  uwsgi_temp_path {directory}/d; scgi_temp_path {directory}/e;
  upstream up {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port} {tls} backlog=4096;
    {locations} }}
}}"""
NGINX_TLS = 'ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key}; ssl_protocols TLSv1.2 TLSv1.3;'
NGINX_PROXY = """proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-Id $request_id;"""
NGINX_GRPC = """grpc_pass grpc://up; grpc_set_header X-Forwarded-Proto $scheme; grpc_set_header X-Request-Id $request_id;"""
NGINX_STREAM = 'stream {{ server {{ listen 127.0.0.1:{port} backlog=4096; proxy_pass 127.0.0.1:{upstream}; }} }}'
NGINX_STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

HAPROXY = """global
  nbthread 1
  maxconn {connections}
defaults
  mode {mode}
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  {options}
frontend in
  bind 127.0.0.1:{port} backlog 4096{bind}
  {headers}
{choice}
backend up
  server one 127.0.0.1:{upstream} maxconn {connections}{server}
"""


def write(directory, name, text):
    with open(f'{directory}/{name}', 'w') as file:
        file.write(text)
    return f'{directory}/{name}'


def floor(directory, job, port, upstream, certificate):
    """Bytes from socket to socket: below what any proxy of cleartext can cost."""
    if job.listens == 'tls' or job.extra or not os.path.exists(f'{BUILD}/tests/floor'):
        return None
    return [f'{BUILD}/tests/floor', str(port), str(upstream)]


def nginx(directory, job, port, upstream, certificate):
    if not shutil.which('nginx') or job == TLS_TO_H2 or (job == TUNNEL and not os.path.exists(NGINX_STREAM_MODULE)):
        return None
    values = {'directory': directory, 'port': port, 'upstream': upstream, 'tls': ';', 'certificate': certificate,
              'log': f'{directory}/access.log' if job.extra == 'log' else 'off'}
    if job == TUNNEL:
        service, modules = NGINX_STREAM.format(**values), f'load_module {NGINX_STREAM_MODULE};\n'
    else:
        way = NGINX_GRPC if job == GRPC else NGINX_PROXY
        locations = f'location / {{ {way} }}'
        if job.extra == 'routes':
            locations = ''.join(f'location ~ ^{path}$ {{ if ($http_x_tenant != {tenant}) {{ return 404; }} {way} }}\n' for path, tenant in TABLE)
        service = NGINX_HTTP.format(locations=locations, **{**values, 'tls': 'ssl http2' if job.listens == 'tls' else ''})
        if job.listens == 'tls':
            service = service.replace('access_log off;', 'access_log off; ' + NGINX_TLS.format(**values), 1)
        modules = ''
    path = write(directory, 'nginx.conf', NGINX.format(modules=modules, directory=directory, service=service,
                                                           files=FILES, connections=MOST_CONNECTIONS))
    return ['nginx', '-p', directory, '-c', path]


def haproxy(directory, job, port, upstream, certificate):
    if not shutil.which('haproxy'):
        return None
    bind = headers = options = server = ''
    choice = '  default_backend up'
    if job.extra == 'routes':
        choice = '\n'.join(f'  use_backend up if {{ path_reg ^{path}$ }} {{ req.hdr(x-tenant) {tenant} }}' for path, tenant in TABLE)
    if job != TUNNEL:
        options = 'timeout http-keep-alive 3600s\n  option http-keep-alive\n  http-reuse always'
        if job.extra == 'log':
            options += '\n  log stdout format raw local0\n  option httplog'
        headers = (f'http-request set-header x-forwarded-proto {"https" if job.listens == "tls" else "http"}\n'
                   '  http-request set-header x-request-id %[uuid]')
    if job.listens == 'tls':
        both = write(directory, 'both.pem', open(certificate.chain).read() + open(certificate.key).read())
        bind = f' ssl crt {both} alpn h2,http/1.1'
    if job.speaks in ('h2', 'grpc'):
        server = ' proto h2'
    text = HAPROXY.format(mode='tcp' if job == TUNNEL else 'http', options=options, port=port, bind=bind, headers=headers,
                          upstream=upstream, server=server, choice=choice, connections=MOST_CONNECTIONS)
    return ['haproxy', '-db', '-f', write(directory, 'haproxy.cfg', text)]


def nghttpx(directory, job, port, upstream, certificate):
    if not shutil.which('nghttpx') or job == TUNNEL or job.extra == 'routes':
        return None
    tls = job.listens == 'tls'
    return ['nghttpx', f'--conf={write(directory, "nghttpx.conf", "")}', '--single-process', '--workers=1', '--no-ocsp',
            f'--frontend=127.0.0.1,{port}{"" if tls else ";no-tls"}',
            f'--backend=127.0.0.1,{upstream}{";;proto=h2" if job.speaks != "http1" else ""}', '--no-location-rewrite',
            '--frontend-keep-alive-timeout=3600', '--backend-keep-alive-timeout=3600', '--backlog=4096', '--log-level=ERROR',
            f'--errorlog-file={directory}/error.log', *([f'--accesslog-file={directory}/access.log'] if job.extra == 'log' else []), *([certificate.key, certificate.chain] if tls else [])]


def bootstrap_file(directory, job, port, upstream, certificate):
    """The same file for Envoy and ours."""
    fields = {}
    if job.speaks in ('h2', 'grpc'):
        fields['typed_extension_protocol_options'] = {'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': EXTENSION + 'upstreams.http.v3.HttpProtocolOptions',
            'explicit_http_config': {'http2_protocol_options': {}}}}
    filters = hcm()
    if job.extra == 'log':
        filters = hcm(access_log=[access_log(f'{directory}/access.log')])
    elif job.extra == 'routes':
        filters = hcm(*({'match': {'safe_regex': {'regex': path}, 'headers': [{'name': 'x-tenant', 'string_match': {'exact': tenant}}]},
                         'route': {'cluster': 'up'}} for path, tenant in TABLE))
    if job == TUNNEL:
        filters = {'name': 'envoy.filters.network.tcp_proxy', 'typed_config': {
            '@type': EXTENSION + 'filters.network.tcp_proxy.v3.TcpProxy', 'stat_prefix': 'tunnel', 'cluster': 'up'}}
    front = listener(filters, port=port)
    if job.listens == 'tls':
        front['filter_chains'][0]['transport_socket'] = downstream_tls(certificate, alpn_protocols=['h2', 'http/1.1'])
    return write(directory, 'bootstrap.yaml', to_yaml(bootstrap([front], [cluster('up', upstream, **fields)])))


def envoy_program():
    return os.environ.get('ENVOY') or shutil.which('envoy')


def envoy(directory, *job):
    if not envoy_program():
        return None
    return [envoy_program(), '-c', bootstrap_file(directory, *job), '--concurrency', '1', '--disable-hot-restart', '-l', 'error']


def heirloom(directory, *job):
    return [binary('heirloom-proxy'), '-c', bootstrap_file(directory, *job), '--concurrency', '1', '-l', 'error']


COMMANDS = {'floor': floor, 'nginx': nginx, 'haproxy': haproxy, 'nghttpx': nghttpx, 'envoy': envoy, 'heirloom': heirloom}
RIVALS = ('nginx', 'haproxy', 'nghttpx', 'envoy')
