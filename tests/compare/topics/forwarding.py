# SPDX-License-Identifier: Apache-2.0
"""What the next one is told: via, port, scheme, hosts before a rewrite, names in their own case; and fields with underscores."""
from compare.exchange import Exchange, Exchange2, Verdict
from harness import bootstrap, cluster, config, direct, hcm, listener, raw, route
from harness.config import EXTENSION


def preserve(**fields):
    return {'header_key_format': {'stateful_formatter': {'name': 'preserve_case', 'typed_config': {
        '@type': EXTENSION + 'http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig', **fields}}}}


def spoken(name, upstream, options):
    return {**cluster(name, upstream), 'typed_extension_protocol_options': {'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': EXTENSION + 'upstreams.http.v3.HttpProtocolOptions', 'explicit_http_config': {'http_protocol_options': options}}}}


DETECTION = EXTENSION + 'http.original_ip_detection.'
BY_LIST = {'name': 'xff', 'typed_config': {'@type': DETECTION + 'xff.v3.XffConfig', 'xff_num_trusted_hops': 1}}


def by_header(**fields):
    return {'name': 'header', 'typed_config': {'@type': DETECTION + 'custom_header.v3.CustomHeaderConfig', 'header_name': 'CF-IP', **fields}}


MANAGERS = {
    'via': {'via': '1.1 ours'}, 'port': {'append_x_forwarded_port': True}, 'edge-port': {'append_x_forwarded_port': True, 'use_remote_address': True},
    'hop-port': {'append_x_forwarded_port': True, 'use_remote_address': True, 'xff_num_trusted_hops': 1},
    'https': {'scheme_header_transformation': {'scheme_to_overwrite': 'https'}}, 'http': {'scheme_header_transformation': {'scheme_to_overwrite': 'http'}},
    'match': {'scheme_header_transformation': {'match_upstream': True}},
    'case': {'http_protocol_options': preserve()}, 'case-proper': {'http_protocol_options': preserve(formatter_type_on_envoy_headers='PROPER_CASE')},
    'drop': {'common_http_protocol_options': {'headers_with_underscores_action': 'DROP_HEADER'}},
    'reject': {'common_http_protocol_options': {'headers_with_underscores_action': 'REJECT_REQUEST'}},
    'open': {'stream_error_on_invalid_http_message': True, 'normalize_path': True},
    'open1': {'http_protocol_options': {'override_stream_error_on_invalid_http_message': True}, 'normalize_path': True},
    'header': {'original_ip_detection_extensions': [by_header(reject_with_status={'code': 'TooManyRequests'})]},
    'low': {'original_ip_detection_extensions': [by_header(reject_with_status={'code': 'OK'})]},
    'both': {'original_ip_detection_extensions': [by_header(), BY_LIST], 'internal_address_config': {'cidr_ranges': [{'address_prefix': '1.2.0.0', 'prefix_len': 16}]}},
    'trusted': {'original_ip_detection_extensions': [by_header(allow_extension_to_set_address_as_trusted=True)],
                'internal_address_config': {'cidr_ranges': [{'address_prefix': '1.2.0.0', 'prefix_len': 16}]}},
    'uuid': {'request_id_extension': {'typed_config': {'@type': EXTENSION + 'request_id.uuid.v3.UuidRequestIdConfig', 'pack_trace_reason': False}}}}
ROUTES = [direct('/here', 200, 'x'), direct('/bad', 400, 'bad'), route('/case', cluster='case'), route('/proper', cluster='case-proper'),
          route('/host', host_rewrite_literal='inner', append_x_forwarded_host=True), route('/')]
ANSWER = b'HTTP/1.1 200 Fine By Me\r\nX-FROM-Upstream: One\r\nvia: 1.1 behind\r\nVia: 1.0 far\r\nCONTENT-length: 2\r\nsErVer: theirs\r\n\r\nok'


def configuration(upstream, log):
    return bootstrap([listener(hcm(*ROUTES, stat_prefix=name, access_log=log, **fields), name=name) for name, fields in MANAGERS.items()],
                     [cluster('up', upstream), spoken('case', upstream, preserve(forward_reason_phrase=True)),
                      spoken('case-proper', upstream, preserve(formatter_type_on_envoy_headers='PROPER_CASE'))])


def ask(name, path, *fields):
    return Exchange(f'{name} {path} {fields}', '\r\n'.join([f'GET {path} HTTP/1.1', 'HoSt: a', *fields, '', '']), listener=name, respond=raw(ANSWER, then='keep'))


def by_http2(name, path, *fields):
    return Exchange2(f'HTTP/2 {name} {path} {fields}', lambda client: client.open(path, headers=[tuple(field.split(': ')) for field in fields], host='a'),
                     listener=name, respond=raw(ANSWER, then='keep'))


def exchanges(options):
    for name in MANAGERS:
        for path, *fields in (('/',), ('/here',), ('/nowhere',), ('/bad',), ('/%00',), ('/', 'Via: 1.0 a', 'vIA: 1.1 b'), ('/', 'X-Forwarded-Proto: https'), ('/', 'X-Forwarded-Port: 77'),
                              ('/', 'x-forwarded-for: 1.2.3.4', 'x-forwarded-port: 77'), ('/', 'X_Under: 1', 'X-Over: 2', 'x_under: 3'), ('/case', 'X-ONE: Two'), ('/proper', 'X-ONE: Two'),
                              ('/host', 'X-Forwarded-Host: first', 'x-forwarded-host: second'), ('/host', 'x-forwarded-host: first, a'), ('/host',), ('/', 'cf-ip: 1.2.3.4'), ('/', 'cf-ip: x'), ('/', 'x-forwarded-for: 1.2.3.4, 5.6.7.8')):
            yield ask(name, path, *fields)
            yield by_http2(name, path, *(field.lower() for field in fields))
    up = cluster('up', 1)
    yield Verdict('scheme', config(up, scheme_header_transformation={'scheme_to_overwrite': 'ftp'}))
    yield Verdict('empty scheme', config(up, scheme_header_transformation={'scheme_to_overwrite': ''}))
    yield Verdict('broken via', config(up, via='a\nb'))
    yield Verdict('no format of names', config(up, http_protocol_options={'header_key_format': {}}))
    yield Verdict('no formatter', config(up, http_protocol_options={'header_key_format': {'stateful_formatter': {'name': 'preserve_case'}}}))
    for fields in ({'use_remote_address': True}, {'xff_num_trusted_hops': 1}, {}):
        yield Verdict(f'detection and {fields}', config(up, original_ip_detection_extensions=[BY_LIST], **fields))
    yield Verdict('no header name', config(up, original_ip_detection_extensions=[by_header(header_name='')]))
    yield Verdict('no request id', config(up, request_id_extension={}))
