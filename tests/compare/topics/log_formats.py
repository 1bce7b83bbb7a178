# SPDX-License-Identifier: Apache-2.0
"""Each operator of the access log, as text and in JSON, of requests that end in every way."""
from compare.exchange import Exchange
from harness import access_log, answer, close, cluster, config, direct, route

OPERATORS = '''
BYTES_RECEIVED BYTES_SENT REQUEST_HEADERS_BYTES RESPONSE_TRAILERS_BYTES PROTOCOL UPSTREAM_PROTOCOL RESPONSE_CODE
RESPONSE_CODE_DETAILS CONNECTION_TERMINATION_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG ROUTE_NAME UPSTREAM_HOST UPSTREAM_CLUSTER
UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT
UPSTREAM_REQUEST_ATTEMPT_COUNT DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT
DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT FILTER_CHAIN_NAME ACCESS_LOG_TYPE
REQUESTED_SERVER_NAME DOWNSTREAM_TLS_VERSION DOWNSTREAM_PEER_SUBJECT UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
GRPC_STATUS GRPC_STATUS(SNAKE_STRING) GRPC_STATUS(NUMBER) GRPC_STATUS_NUMBER HOSTNAME ENVIRONMENT(HEIRLOOM_NONE) STREAM_ID
REQ(:METHOD) REQ(X-NONE?:PATH):5 REQ(x-odd) REQ(x-none) RESP(content-type) RESP(x-none?content-length) TRAILER(x-sum) TRAILER(x-none)
QUERY_PARAM(a) QUERY_PARAM(b):2 QUERY_PARAM(none) PATH PATH(NQ) PATH(NQ:PATH) PATH(WQ:ORIG) PATH:4
START_TIME(%%Y) START_TIME_LOCAL(%%Y)'''.replace('%%', '%').split()
JSON = {'0': '%DOWNSTREAM_REMOTE_PORT%', **{name: f'%{name}%' for name in OPERATORS}, 'part': '<%REQ(x-none)%%RESPONSE_CODE%%REQ(x-odd)%>',
        'nested': {'list': ['%BYTES_SENT%', '%REQ(x-none)%', 1, None, True], 'empty': {}}}


def configuration(upstream, log):
    path = log[0]['typed_config']['path']
    return config(cluster('up', upstream), cluster('gone', 1), routes=[direct('/direct', 200, 'direct'), direct('/404', 404), direct('/unary', 503),
                                                                      route('/gone', cluster='gone'),
                                                                      route('/old', prefix_rewrite='/new'), route('/')], access_log=[
        access_log(path, '%DOWNSTREAM_REMOTE_PORT% ' + '|'.join(f'%{name}%' for name in OPERATORS) + '\n'),
        access_log(path, '%DOWNSTREAM_REMOTE_PORT% ' + '|'.join(f'%{name}%' for name in OPERATORS) + '\n', omit_empty_values=True),
        access_log(path, json=JSON)])


def request(target, *fields, method='GET', body=''):
    return '\r\n'.join([f'{method} {target} HTTP/1.1', 'host: a', *fields, '', '']) + body


def exchanges(_):
    odd = 'x-odd: \xc3\xa9"\\\tz'
    broken = 'x-odd: \xff\xc3\xa9"\\z'
    grpc = 'content-type: application/grpc'
    yield Exchange('direct', request('/direct?a=1&b=%41bc', odd))
    yield Exchange('rewritten', request('/old/x?a=1+2%2B&&b&=c'))
    yield Exchange('no query', request('/x?'))
    yield Exchange('upstream', request('/x?b=zz&a=%zz', broken))
    yield Exchange('with a body', request('/x', 'content-length: 3', method='POST', body='abc'))
    yield Exchange('nobody listens', request('/gone'))
    yield Exchange('an error', request('/404'))
    yield Exchange('upstream closes', request('/x'), respond=close)
    yield Exchange('an error of the upstream', request('/x'), respond=answer(b'no', status=500))
    yield Exchange('gRPC, direct', request('/unary', grpc, method='POST'))
    yield Exchange('gRPC, no status', request('/x', grpc, method='POST'))
    yield Exchange('gRPC, 403', request('/x', grpc, method='POST'), respond=answer(b'', status=403))
    for status in ('0', '4', '16', '17', '99', 'x', '-1', ''):
        yield Exchange(f'gRPC, status {status!r}', request('/x', grpc, method='POST'), respond=answer(b'', headers=[('grpc-status', status)]))
