# SPDX-License-Identifier: Apache-2.0
"""local_reply_config: what becomes of the answers of the proxy's own, by what they are and how they are mapped."""
from compare.exchange import Exchange, Exchange2, Verdict
from harness import bootstrap, cluster, config, direct, hcm, listener, redirect, route


def add(name, value, action=None, **fields):
    return {'header': {'key': name, 'value': value}, **({'append_action': action} if action else {}), **fields}


def status(op, value):
    return {'status_code_filter': {'comparison': {'op': op, 'value': {'default_value': value, 'runtime_key': 'some.key'}}}}


def flags(*names):
    return {'response_flag_filter': {'flags': list(names)}}


def text(value, **fields):
    return {'text_format_source': {'inline_string': value}, **fields}


HTML = text('<p>%RESPONSE_CODE% %LOCAL_REPLY_BODY% %RESPONSE_CODE_DETAILS%\n', content_type='text/html; charset=UTF-8')
JSON = {'json_format': {'status': '%RESPONSE_CODE%', 'message': '%LOCAL_REPLY_BODY%', 'path': '%REQ(:path)%', 'nested': {'flags': '%RESPONSE_FLAGS%', 'none': '%REQ(none)%'}}}
ALL = ('all', {'body_format': text('%RESP(:status)% %LOCAL_REPLY_BODY% %REQ(:METHOD)% %RESP(x-mapped)% %RESP(server)% %RESP(content-type)%|%ROUTE_NAME%|%PROTOCOL%|%GRPC_STATUS%|'
                                   '%ACCESS_LOG_TYPE%|%BYTES_SENT%|%UPSTREAM_CLUSTER%')})
CONFIGS = dict([ALL,
    ('none', None), ('json', {'body_format': JSON}), ('html', {'body_format': HTML}),
    ('page', {'mappers': [{'filter': status('GE', 502), 'body_format_override': HTML}]}),
    ('first', {'mappers': [
        {'filter': status('EQ', 404), 'status_code': 410, 'body': {'inline_string': 'gone'}, 'headers_to_add': [
            add('x-mapped', 'code %RESPONSE_CODE% %RESP(:status)%'), add('content-type', 'text/x', 'OVERWRITE_IF_EXISTS_OR_ADD'), add('x-absent', '%REQ(none)%')]},
        {'filter': status('GE', 400), 'status_code': 500, 'headers_to_add': [add('x-mapped', 'second'), add('location', '/elsewhere', 'OVERWRITE_IF_EXISTS')]},
        {'filter': flags('NR'), 'status_code': 201}, {'filter': status('EQ', 200), 'body_format_override': JSON}], 'body_format': HTML}),
    ('flags', {'mappers': [{'filter': flags('UF', 'NR'), 'body': {'inline_string': 'flagged'}}, {'filter': {'response_flag_filter': {}}, 'body': {'inline_string': 'any flag'}},
                           {'filter': {'not_health_check_filter': {}}, 'body': {'inline_string': 'rest'}}]}),
    ('and', {'mappers': [{'filter': {'and_filter': {'filters': [status('GE', 400), {'header_filter': {'header': {'name': 'x-want', 'present_match': True}}}]}}, 'body': {'inline_string': 'both'}},
                         {'filter': {'log_type_filter': {'types': ['NotSet']}}, 'status_code': 299}]}),
    ('grpc', {'mappers': [{'filter': {'grpc_status_filter': {'statuses': ['UNIMPLEMENTED']}}, 'headers_to_add': [add('x-mapped', 'unimplemented')], 'status_code': 429},
                          {'filter': status('GE', 500), 'headers_to_add': [add('grpc-status', '9'), add('grpc-message', 'mine')], 'body_format_override': JSON}]}),
    ('empty', {'mappers': [{'filter': status('GE', 400), 'body': {'inline_string': ''}}]}),
    ('bodiless', {'mappers': [{'filter': status('GE', 400), 'status_code': 204}]}),
    ('two-hundred', {'mappers': [{'filter': status('GE', 400), 'status_code': 200}]}),
    ('times', {'mappers': [{'filter': {'duration_filter': {'comparison': {'op': 'LE', 'value': {'default_value': 60000, 'runtime_key': 'k'}}}}, 'body': {'inline_string': 'quick'}}]})])
ROUTES = [direct('/here', 200, 'text'), {**direct('/typed', 200, 'text'), 'response_headers_to_add': [add('content-type', 'text/own', 'OVERWRITE_IF_EXISTS_OR_ADD')]},
          direct('/forbidden', 403), direct('/bad', 400, 'bad'), direct('/page', 502, 'page'), redirect('/away', path_redirect='/x'), route('/down', cluster='down'),
          route('/up'), route('/nobody', cluster='nobody'), route('/slow', timeout='0.05s')]
ASKED = ['/here', '/typed', '/forbidden', '/bad', '/page', '/away', '/down', '/nobody', '/nowhere', '/up', '/nowhere?a="b"']
RAW = {'nonsense': 'nonsense\r\n\r\n', 'no host': 'GET / HTTP/1.1\r\n\r\n', 'old': 'GET / HTTP/1.0\r\nhost: a\r\n\r\n', 'fragment': 'GET /a#b HTTP/1.1\r\nhost: a\r\n\r\n',
       'star': 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', 'unknown coding': 'GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n',
       'large': 'GET / HTTP/1.1\r\nhost: a\r\nx: ' + 'y' * 70000 + '\r\n\r\n', 'upgrade': 'GET /up HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
       'head': 'HEAD /nowhere HTTP/1.1\r\nhost: a\r\n\r\n', 'unfinished': 'POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n'}


def configuration(upstream, log):
    listeners = [listener(hcm(*ROUTES, stat_prefix=name, access_log=log, server_name='ours', **({'local_reply_config': fields} if fields else {})), name=name)
                 for name, fields in CONFIGS.items()]
    nobody = {**cluster('nobody', 1), 'load_assignment': {'cluster_name': 'nobody'}}
    return bootstrap(listeners, [cluster('up', upstream), cluster('down', 1), nobody])


def ask(name, path, *fields):
    return Exchange(f'{name} {path} {fields}', '\r\n'.join([f'GET {path} HTTP/1.1', 'host: a', *fields, '', '']), listener=name)


def exchanges(options):
    for name in CONFIGS:
        for path in ASKED:
            yield ask(name, path)
        for path in ('/nowhere', '/down', '/page', '/away', '/here'):
            yield ask(name, path, 'content-type: application/grpc')
            yield Exchange2(f'HTTP/2 {name} {path}', lambda client, path=path: client.open(path, host='a'), listener=name)
        for what, data in RAW.items():
            yield Exchange(f'{name}: {what}', data, listener=name)
    yield ask('and', '/nowhere', 'x-want: 1')
    up = cluster('up', 1)
    wrong = {'no filter': {'mappers': [{'status_code': 500}]}, 'status 199': {'mappers': [{'filter': status('GE', 1), 'status_code': 199}]},
             'status 600': {'mappers': [{'filter': status('GE', 1), 'status_code': 600}]}, 'no format': {'body_format': {}}, 'lonely percent': {'body_format': text('50%')},
             'no operator': {'body_format': text('%NOPE%')}, 'pseudo header': {'mappers': [{'filter': status('GE', 1), 'headers_to_add': [add(':path', 'x')]}]},
             'broken type': {'body_format': text('x', content_type='a\nb')}, 'no body': {'mappers': [{'filter': status('GE', 1), 'body': {}}]}, 'nothing': {},
             'empty filter': {'mappers': [{'filter': {}}]}}
    for name, one in wrong.items():
        yield Verdict(name, config(up, local_reply_config=one))
