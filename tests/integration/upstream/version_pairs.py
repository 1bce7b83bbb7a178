# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 and HTTP/2 on either side: the same message arrives; what belongs to one connection or one version stays there."""
import re

from harness import *


def seen_by_nghttpd(server):
    """Fields of the last request."""
    fields, last = [], None
    for stream, name, value in re.findall(r'recv \(stream_id=(\d+)(?:, sensitive)?\) (:?[^:\s]+): (.*)', re.sub(r'\x1b\[[0-9;]*m', '', server.log)):
        fields = fields if stream == last else []
        last = stream
        fields.append((name, value))
    return fields


def crowd(server, protocol):
    """Many at a time by HTTP/2, to an upstream of either version."""
    proxy = Proxy(config(cluster('up', server.port, **speaks(protocol))))
    counts = h2load(f'http://127.0.0.1:{proxy.port}/', requests=3000, clients=4, streams=20)
    expect(counts['2xx'], 3000, counts)
    stats = proxy.stats()
    expect((stats['cluster.up.upstream_rq_200'], stats['cluster.up.upstream_rq_active']), (3000, 0))
    proxy.end()


def pairs():
    first = Upstream(echo)
    second = Nghttpd('--echo-upload')
    for port, protocol, fields in ((first.port, 'http1', lambda: first.requests[-1].header_list),
                                   (second.port, 'http2', lambda: seen_by_nghttpd(second))):
        proxy = Proxy(config(cluster('up', port, **speaks(protocol))), '--concurrency', '1')
        for http2 in (False, True):
            yield proxy, f'http://127.0.0.1:{proxy.port}/index.html', http2, protocol, fields


for proxy, url, http2, protocol, fields in pairs():
    print(f'downstream {"2" if http2 else "1.1"}, upstream {protocol}')
    host = ':authority' if protocol == 'http2' else 'host'
    response = curl(url, '-H', 'host: name.test:81', '-H', 'te: trailers', '-H', 'cookie: a=1', '-H', 'cookie: b=2', '-H', 'x-own: v', http2=http2)
    expect((response.status, response.version), (200, '2' if http2 else '1.1'))
    seen = fields()
    names = [name for name, _ in seen]
    expect([value for name, value in seen if name in (':authority', 'host')], ['name.test:81'])
    expect_in((host, 'name.test:81'), seen)
    expect_in(('te', 'trailers'), seen)
    expect_in(('x-own', 'v'), seen)
    expect('; '.join(value for name, value in seen if name == 'cookie'), 'a=1; b=2')
    if protocol == 'http1' and http2:
        expect(names.count('cookie'), 1, 'crumbs of HTTP/2 are one field in HTTP/1')
    expect('content-length' in names or 'transfer-encoding' in names, False, 'a GET has no body')
    if protocol == 'http2':
        expect(dict(seen)[':scheme'], 'http')
        expect(dict(seen)[':path'], '/index.html')

    # What a client says of its own connection goes no further. (By HTTP/2 curl does not say it.)
    response = curl(url, '-H', 'connection: keep-alive', '-H', 'keep-alive: timeout=5', '-H', 'proxy-connection: keep-alive', '-H', 'te: gzip',
                    '-H', 'transfer-encoding: chunked', data=b'chunk', http2=http2)
    expect((response.status, response.body), (200, b'chunk'))
    names = [name for name, _ in fields()]
    for name in ('connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te'):
        expect(name in names, False, f'{name} stays behind')
    expect('transfer-encoding' in names, protocol == 'http1' and 'content-length' not in names)

    response = curl(url, data=b'12345', http2=http2)
    expect((response.status, response.body), (200, b'12345'))
    expect_in(('content-length', '5'), fields())
    for name in ('connection', 'keep-alive', 'transfer-encoding'):
        expect(name in response.headers, False, f'{name} in the response')
    response = curl(url, '-I', http2=http2)
    expect((response.status, response.body), (200, b''))

crowd(FastUpstream(), 'http1')
crowd(Nghttpd(), 'http2')
