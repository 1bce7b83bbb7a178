# SPDX-License-Identifier: Apache-2.0
"""Several logs in one place, each with a filter: what a fleet keeps of its errors, and a sample of the rest."""
import socket

from harness import *


def status(op, code):
    return {'status_code_filter': {'comparison': {'op': op, 'value': {'default_value': code, 'runtime_key': 'access_log.min'}}}}


def sample(numerator, denominator='HUNDRED'):
    return {'runtime_filter': {'runtime_key': 'access_log.sample', 'percent_sampled': {'numerator': numerator, 'denominator': denominator}}}


filters = {
    'errors': status('GE', 500),
    'fleet': {'or_filter': {'filters': [status('GE', 500), {'and_filter': {'filters': [status('EQ', 429), sample(20)]}}, sample(1)]}},
    'flags': {'response_flag_filter': {'flags': ['UF']}},
    'slow': {'duration_filter': {'comparison': {'op': 'GE', 'value': {'default_value': 60000}}}},
    'checks': {'not_health_check_filter': {}},
    'grpc': {'grpc_status_filter': {'statuses': ['UNAVAILABLE']}},
    'header': {'header_filter': {'header': {'name': ':path', 'string_match': {'suffix': '/50'}}}},
    'type': {'log_type_filter': {'types': ['DownstreamEnd']}},
}
logs = {name: f'{TMP}/{name}' for name in filters}
with socket.socket() as nobody:
    nobody.bind(('127.0.0.1', 0))
    proxy = Proxy(
        config(cluster('gone', nobody.getsockname()[1]),
               routes=[direct('/429', 429), direct('/500', 500), route('/gone', cluster='gone'), direct('/', 200)],
               access_log=[access_log(logs[name], '%REQ(:PATH)%\n', filter=filters[name]) for name in filters],
               use_remote_address=False), '--file-flush-interval-msec', '20', '--concurrency', '1')
    asked = []
    with Client(proxy.port) as client:
        # The id's first eight digits modulo 100 decide: 0, 19, 20, 50.
        for path in ('/429', '/500', '/gone', '/ok'):
            for number in (0, 19, 20, 50):
                asked.append(f'{path}/{number}')
                client.request(asked[-1], headers={'x-request-id': f'{number:08x}-0000-4000-8000-000000000000'})
    wait_for('all lines', lambda: open(logs['checks']).read().count('\n') == len(asked))
    proxy.end()
seen = {name: open(path).read().split() for name, path in logs.items()}
expect(seen['checks'], asked)
expect(seen['type'], asked)
expect(seen['errors'], [path for path in asked if path.startswith(('/500', '/gone'))])
expect(seen['fleet'], ['/429/0', '/429/19', *seen['errors'], '/ok/0'])
expect(seen['flags'], [path for path in asked if path.startswith('/gone')])
expect(seen['grpc'], [path for path in asked if path.startswith(('/429', '/gone'))])
expect(seen['header'], [path for path in asked if path.endswith('/50')])
expect(seen['slow'], [])
for refused in ('traceable_filter', 'metadata_filter', 'extension_filter'):
    code, _, err = validate(config(routes=[direct('/', 200)], access_log=[access_log(logs['slow'], filter={refused: {}})]))
    expect(code, 1)
    expect_in(refused, err)
