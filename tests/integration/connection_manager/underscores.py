# SPDX-License-Identifier: Apache-2.0
"""headers_with_underscores_action: such fields of a client are forwarded, dropped, or make the request invalid."""
from harness import *

upstream = Upstream(echo)
listeners = [listener(hcm(common_http_protocol_options={'headers_with_underscores_action': action}), name=action) for action in ('ALLOW', 'DROP_HEADER', 'REJECT_REQUEST')]
proxy = Proxy(bootstrap(listeners, [cluster('up', upstream.port)]))
ports = proxy.listener_ports()
FIELDS = [('x_one', '1'), ('x-two', '2'), ('x_three', '3')]
for kind in (Client, Http2Client):
    for action, passed in (('ALLOW', ['x_one=1', 'x-two=2', 'x_three=3']), ('DROP_HEADER', ['x-two=2'])):
        with kind(ports[action]) as client:
            seen = client.request('/', headers=FIELDS).headers['x-seen'].rstrip(';').split('; ')
            expect([item for item in seen if item[:2] in ('x_', 'x-') and item[2:4] in ('on', 'tw', 'th')], passed)
with Client(ports['REJECT_REQUEST']) as client:
    response = client.request('/', headers=FIELDS)
    expect((response.status, response.body, client.rest()[0]), (400, b'Bad Request', 'eof'))
with Http2Client(ports['REJECT_REQUEST']) as client:
    client.wait_reset(client.open('/', headers=FIELDS))
    expect(client.request('/').status, 200)
for protocol in ('http1', 'http2'):
    proxy.wait_stat(f'{protocol}.dropped_headers_with_underscores', 2)
    proxy.wait_stat(f'{protocol}.requests_rejected_with_underscores_in_headers', 1)

# Trailers are looked at too.
TRAILER = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx_one: 1\r\nx-two: 2\r\n\r\n'
trailers = {'enable_trailers': True}
cluster_with = cluster('up', upstream.port, **speaks('http1'))
cluster_with['typed_extension_protocol_options']['envoy.extensions.upstreams.http.v3.HttpProtocolOptions']['explicit_http_config']['http_protocol_options'] = trailers
for entry, action in zip(listeners, ('ALLOW', 'DROP_HEADER', 'REJECT_REQUEST')):
    entry['filter_chains'][0]['filters'][0]['typed_config']['http_protocol_options'] = trailers
proxy = Proxy(bootstrap(listeners, [cluster_with]))
ports = proxy.listener_ports()
for action, passed in (('ALLOW', [('x_one', '1'), ('x-two', '2')]), ('DROP_HEADER', [('x-two', '2')])):
    with Client(ports[action]) as client:
        client.send(TRAILER)
        expect(client.response().status, 200)
    expect(upstream.requests[-1].trailers, passed)
with Client(ports['REJECT_REQUEST']) as client:
    client.send(TRAILER)
    expect(client.response().status, 400)
proxy.wait_stat('http1.dropped_headers_with_underscores', 1)
proxy.wait_stat('http1.requests_rejected_with_underscores_in_headers', 1)
