# SPDX-License-Identifier: Apache-2.0
"""The policies of a cluster: a hash of the request decides for ring hash and maglev, over HTTP/1 and HTTP/2; the least busy
endpoint is preferred."""
import collections
import threading

from harness import *

upstreams = [Upstream(answer(b'%d' % number)) for number in range(4)]
ports = [one.port for one in upstreams]
by_header = [{'header': {'header_name': 'X-User'}}]
by_cookie = [{'cookie': {'name': 'stay', 'ttl': '60s', 'path': '/'}}]
gate = threading.Event()


def holding(name):
    """Answers at once, but what asks for /hold waits."""
    return Upstream(lambda request, connection: answer(name, gate=gate if request.path == '/hold' else None)(request, connection))


busy, idle = holding(b'busy'), holding(b'idle')
proxy = Proxy(config(cluster('ring', *ports, lb_policy='RING_HASH'), cluster('maglev', *ports, lb_policy='MAGLEV'),
                     cluster('random', *ports, lb_policy='RANDOM'),
                     routes=[route('/ring', 'ring', hash_policy=by_header), route('/maglev', 'maglev', hash_policy=by_header),
                             route('/cookie', 'ring', hash_policy=by_cookie), route('/random', 'random')]),
              '--concurrency', '2')


def bodies(path, count, **headers):
    fields = [(name.replace('_', '-'), value) for name, value in headers.items()]
    return collections.Counter(get(proxy.port, path, headers=fields).body for _ in range(count))


for path in ('/ring', '/maglev'):
    homes = {}
    for user in range(60):  # where each endpoint lies is chance, for its port is: of so many none misses one
        seen = bodies(path, 4, x_user=f'u{user}')
        expect(len(seen), 1, f'{path} of user {user}: {seen}')
        homes[user] = next(iter(seen))
    expect(len(set(homes.values())), 4, path)
    with Http2Client(proxy.port) as client:
        for user in range(20):
            expect(client.request(path, headers=[('x-user', f'u{user}')]).body, homes[user])
    expect(len(bodies(path, 60)) > 1, True, 'no header: anywhere')
expect(len(bodies('/random', 100)), 4)

# The cookie that the first answer sets leads back to who gave it.
first = get(proxy.port, '/cookie')
cookie = first.headers['set-cookie']
expect_in('; Max-Age=60; Path=/; HttpOnly', cookie)
again = [get(proxy.port, '/cookie', headers=[('cookie', cookie.split(';')[0])]) for _ in range(5)]
expect({one.body for one in again}, {first.body})
expect([one for one in again if 'set-cookie' in one.headers], [])

# With one worker: whoever has a request is left alone.
proxy = Proxy(config(cluster('up', busy.port, idle.port, lb_policy='LEAST_REQUEST', least_request_lb_config={'choice_count': 64})),
              '--concurrency', '1')
with Client(proxy.port) as client:
    client.send(b'GET /hold HTTP/1.1\r\nhost: a\r\n\r\n')
    wait_for('it is on its way', lambda: busy.requests or idle.requests)
    other = b'idle' if busy.requests else b'busy'
    expect(bodies('/', 20), {other: 20})
    gate.set()
    expect(client.response().status, 200)
