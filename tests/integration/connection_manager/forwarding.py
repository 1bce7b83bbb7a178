# SPDX-License-Identifier: Apache-2.0
"""via, x-forwarded-port and the scheme: what the next one is told of the way here."""
from harness import *
from harness.config import EXTENSION

upstream = Upstream(echo)


CLIENT = {'response_headers_to_add': [{'header': {'key': 'x-client', 'value': '%DOWNSTREAM_REMOTE_ADDRESS%'}}]}
DETECTION = EXTENSION + 'http.original_ip_detection.'
by_list = {'name': 'xff', 'typed_config': {'@type': DETECTION + 'xff.v3.XffConfig', 'xff_num_trusted_hops': 1}}


def by_header(**fields):
    return {'name': 'header', 'typed_config': {'@type': DETECTION + 'custom_header.v3.CustomHeaderConfig', 'header_name': 'CF-IP', **fields}}


def one(name, **fields):
    return listener(hcm(direct('/here', 200, 'x'), {**route('/'), **CLIENT}, stat_prefix=name, **fields), name=name)


listeners = [one('via', via='1.1 ours'), one('edge', use_remote_address=True, append_x_forwarded_port=True), one('inner', append_x_forwarded_port=True),
             one('https', scheme_header_transformation={'scheme_to_overwrite': 'https'}), one('upstream', scheme_header_transformation={'match_upstream': True}),
             one('header', original_ip_detection_extensions=[by_header(reject_with_status={'code': 'TooManyRequests'})]),
             one('both', original_ip_detection_extensions=[by_header(), by_list]),
             one('open', stream_error_on_invalid_http_message=True, normalize_path=True, http_protocol_options={'allow_absolute_url': True}),
             one('shut', stream_error_on_invalid_http_message=True, normalize_path=True, http_protocol_options={'override_stream_error_on_invalid_http_message': False})]
proxy = Proxy(bootstrap(listeners, [cluster('up', upstream.port)]))
ports = proxy.listener_ports()


def seen(name, headers=()):
    """Fields as the upstream got them, and the answer."""
    response = get(ports[name], headers=headers)
    return [item for item in response.headers['x-seen'].rstrip(';').split('; ')], response


fields, response = seen('via', [('via', '1.0 a'), ('via', '1.1 b')])
expect([item for item in fields if item.startswith('via=')], ['via=1.0 a,1.1 b, 1.1 ours'])
expect(response.headers['via'], '1.1 ours')
expect(get(ports['via'], '/here').headers['via'], '1.1 ours')
upstream.respond = answer(b'', headers=[('via', '1.1 behind')])
expect(get(ports['via']).headers['via'], '1.1 behind, 1.1 ours')
upstream.respond = echo

for name, told, expected in (('edge', '77', ports['edge']), ('edge', None, ports['edge']), ('inner', '77', 77), ('inner', None, ports['inner'])):
    fields, _ = seen(name, [('x-forwarded-port', told)] if told else [])
    expect([item for item in fields if item.startswith('x-forwarded-port=')], [f'x-forwarded-port={expected}'], name)
expect_in('x-forwarded-proto=https', seen('https', [('x-forwarded-proto', 'http')])[0])
expect_in('x-forwarded-proto=https', seen('upstream', [('x-forwarded-proto', 'https')])[0])

# Who the client is, by what a proxy in front says of it.
for headers, code, client in (([('cf-ip', '1.2.3.4')], 200, '1.2.3.4:0'), ([('cf-ip', 'nonsense')], 429, None), ([], 429, None)):
    response = get(ports['header'], headers=headers)
    expect(response.status, code)
    if client:
        expect(response.headers['x-client'], client)
for headers, client in (([('cf-ip', '1.2.3.4'), ('x-forwarded-for', '5.6.7.8')], '1.2.3.4:0'), ([('x-forwarded-for', '9.9.9.9, 5.6.7.8, 7.7.7.7')], '5.6.7.8:0')):
    expect(get(ports['both'], headers=headers).headers['x-client'], client)
proxy.wait_stat('http.header.downstream_rq_rejected_via_ip_detection', 2)

for name, left in (('open', True), ('shut', False)):
    with Client(ports[name]) as client:
        response = client.request('/%00')
        expect((response.status, response.headers.get('connection')), (400, None if left else 'close'))
        expect(client.request('/').status if left else client.rest()[0], 200 if left else 'eof')
