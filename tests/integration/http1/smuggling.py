# SPDX-License-Identifier: Apache-2.0
"""No request becomes two behind the proxy, and no byte of one gets into another: published ways of request smuggling, played to an
upstream that reads leniently. All bytes that it got must mean the same to every lenient reader that we know."""
from harness import *
from harness.smuggling import CR, LF, READERS, LenientUpstream, Reader, vectors

VECTORS = vectors('http1.txt')
LIBERAL = {'http_protocol_options': {'accept_http_10': True, 'default_host_for_http_10': 'a', 'enable_trailers': True},
           'upgrade_configs': [{'upgrade_type': 'websocket'}]}
upstreams = [LenientUpstream(Reader(LF, 'contains', trims_names=True, folds=True)), LenientUpstream(Reader(CR, length_first=True, number='prefix'))]
proxy = Proxy(bootstrap([listener(hcm(route(cluster=name), stat_prefix=name, **fields), name=name) for name, fields in (('strict', {}), ('liberal', LIBERAL))],
                        [cluster(name, upstream.port) for name, upstream in zip(('strict', 'liberal'), upstreams)]), '--concurrency', '1')


def play(port, vector, outcome):
    """Sends it; the targets that the upstream answered for, in order."""
    answered = []
    with Client(port) as client:
        client.send(vector.data)
        for step in outcome:
            if step == 'wait':
                return answered  # its connection ends with it
            if step == 'close':
                client.rest()
                return answered
            response = client.response(head_only=vector.data.startswith(b'HEAD'))
            expect(str(response.status), step, vector.name)
            answered += [response.headers['x-path']] if 'x-path' in response.headers else []
        expect(client.request('/after').headers.get('x-path'), '/after', f'{vector.name}: the same connection afterwards')
        return answered + ['/after']


def targets(requests):
    return [(method, target, host) for method, target, host, _ in requests]


disputed = sum(len({str(targets(reader.requests(vector.data)[0])) for reader in READERS}) > 1 for vector in VECTORS)
expect_true(disputed > 100, f'without a proxy the readers disagree about {disputed} of {len(VECTORS)}')
for which, (name, upstream) in enumerate(zip(('strict', 'liberal'), upstreams)):
    port = proxy.listener_ports()[name]
    with Client(port) as victim:
        for vector in VECTORS:
            before = len(upstream.seen)
            answered = play(port, vector, vector.outcomes[which])
            response = victim.request('/victim', host='victim')
            expect((response.status, response.headers.get('x-path'), response.headers.get('x-host')), (200, '/victim', 'victim'), vector.name)
            expect([target.decode() for _, target, _, _ in upstream.seen[before:]], [*answered, '/victim'], f'{name}: {vector.name}')
    for sent in upstream.sent:
        seen, rest = READERS[0].requests(sent)
        expect(b'victim' in rest, False)
        for reader in READERS:
            expect(targets(reader.requests(sent)[0]), targets(seen), f'{name}: {reader} disagrees')
expect(proxy.stat('http.strict.downstream_rq_active'), 0)

# An upstream that takes a body for a second request answers twice: the second answer is nobody's.
ignoring = Upstream(lambda request, connection: connection.send(b''.join(
    b'HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s' % (len(text), text) for text in (b'first', b'second')[:1 + bool(request.body)])))
other = Proxy(config(cluster('up', ignoring.port)), '--concurrency', '1')
with Client(other.port) as attacker, Client(other.port) as victim:
    for _ in range(5):
        expect(attacker.request('/', 'POST', body=b'GET /evil HTTP/1.1\r\nhost: a\r\n\r\n').body, b'first')
        expect(victim.request('/victim').body, b'first')
expect_true(ignoring.connections >= 5, 'a connection that said too much is not used again')
