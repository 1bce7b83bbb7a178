# SPDX-License-Identifier: Apache-2.0
"""local_reply_config: answers of the proxy's own get another status, text, type and fields; those of an upstream never do."""
from harness import *
from harness.config import TMP


def text(value, **fields):
    return {'text_format_source': {'inline_string': value}, **fields}


def status(op, value):
    return {'status_code_filter': {'comparison': {'op': op, 'value': {'default_value': value, 'runtime_key': 'errorpage_min_code'}}}}


with open(f'{TMP}/page.html', 'w') as page:
    page.write('<h1>%RESPONSE_CODE%</h1>%LOCAL_REPLY_BODY%\n')
upstream = Upstream(answer(b'theirs', status=503))
replies = {
    'mappers': [
        {'filter': status('GE', 502), 'body_format_override': {'text_format_source': {'filename': f'{TMP}/page.html'}, 'content_type': 'text/html; charset=UTF-8'}},
        {'filter': {'and_filter': {'filters': [status('EQ', 404), {'header_filter': {'header': {'name': 'x-kind', 'present_match': True}}}]}},
         'status_code': 410, 'body': {'inline_string': 'gone "for good"'}, 'headers_to_add': [{'header': {'key': 'x-was', 'value': '%RESPONSE_CODE% %RESPONSE_FLAGS%'}}]},
        {'filter': status('EQ', 410), 'body': {'inline_string': 'never: the first counts'}}],
    'body_format': {'json_format': {'code': '%RESPONSE_CODE%', 'message': '%LOCAL_REPLY_BODY%', 'path': '%REQ(:PATH)%'}}}
log = f'{TMP}/access.log'
proxy = Proxy(config(cluster('up', upstream.port), cluster('down', 1), access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% [%LOCAL_REPLY_BODY%]\n')],
                     request_headers_timeout='0.2s', http_protocol_options={'header_key_format': {'proper_case_words': {}}},
                     routes=[route('/down', cluster='down'), direct('/text', 200, 'text'), direct('/wrong', 400, 'wrong'), route('/up')], local_reply_config=replies), '--file-flush-interval-msec', '20')


def check(response, code, kind, body):
    expect((response.status, response.headers.get('content-type'), response.body.decode()), (code, kind, body))
    expect(response.headers['content-length'], str(len(body)))


def check_all(ask):
    check(ask('/nowhere'), 404, 'application/json', '{"code":404,"message":"","path":"/nowhere"}\n')
    check(ask('/text'), 200, 'application/json', '{"code":200,"message":"text","path":"/text"}\n')
    response = ask('/nowhere', {'x-kind': '1'})
    check(response, 410, 'application/json', '{"code":410,"message":"gone \\"for good\\"","path":"/nowhere"}\n')
    expect(response.headers['x-was'], '404 NR')
    check(ask('/down'), 503, 'text/html; charset=UTF-8', '<h1>503</h1>upstream connect error or disconnect/reset before headers. reset reason: remote connection failure\n')
    # What an upstream has said is the upstream's.
    expect((ask('/up').status, ask('/up').body), (503, b'theirs'))
    response = ask('/nowhere', {'content-type': 'application/grpc', 'x-kind': '1'})
    expect((response.status, response.headers['grpc-status'], response.body), (200, '2', b''))
    expect(response.headers['grpc-message'], '{"code":410,"message":"gone \\"for good\\"","path":"/nowhere"}')
    expect(response.headers['x-was'], '404 NR')


with Client(proxy.port) as client:
    check_all(lambda path, headers={}: client.request(path, headers=headers))
    response = client.request('/nowhere', method='HEAD')
    expect((response.status, response.body, response.headers['content-type']), (404, b'', 'application/json'))
with Http2Client(proxy.port) as client:
    check_all(lambda path, headers={}: client.request(path, headers=list(headers.items())))

# The connection manager's own: a head that is wrong, and one that never ends, in whose answer no codec has a part.
for data, code, details, message in (('nonsense\r\n\r\n', 400, 'http1.codec_error', 'Bad Request'), ('GET / HTTP/1.1\r\nho', 408, 'request_header_timeout', 'request header timeout')):
    with Client(proxy.port) as client:
        client.send(data)
        end, answered = client.rest()
        head, _, body = answered.decode().partition('\r\n\r\n')
        expect((end, body), ('eof', f'{{"code":{code},"message":"{message}","path":null}}\n'))
        for line in (f'HTTP/1.1 {code} ', '\r\nContent-Type: application/json', '\r\nConnection: close', f'\r\nContent-Length: {len(body)}'):
            expect_in(line, head)
        wait_for('the line', lambda: f'{code} {details} []\n' in open(log).read())
# Who sends a bad request gets no second chance on this connection.
with Client(proxy.port) as client:
    response = client.request('/wrong')
    expect((response.status, response.headers['connection'], client.rest()[0]), (400, 'close', 'eof'))
