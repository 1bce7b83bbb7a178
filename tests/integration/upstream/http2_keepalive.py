# SPDX-License-Identifier: Apache-2.0
"""connection_keepalive of a cluster: an upstream that does not answer PING loses its connection, and only what may be is repeated."""
import threading

from harness import *
from harness.http2_peer import PING, serve

done = threading.Event()


def falls_silent(answers):
    def script(peer):
        for _ in range(answers):
            peer.answer(peer.next_request())
        peer.next_request()
        done.wait(60)
    return script


def asked(peer):
    return len([one for one in peer.seen if one[0] == PING and not one[1] & 1])


def slow(peer):
    """Answers only when it was asked often enough whether it is there."""
    stream = peer.next_request()
    while asked(peer) < 5:
        peer.read_frame()
    peer.answer(stream)
    serve(peer)


def proxy_to(script):
    upstream = Http2Peer(script)
    keepalive = {'interval': '0.1s', 'timeout': '0.4s'}
    return upstream, Proxy(config(cluster('up', upstream.port, **speaks('http2', connection_keepalive=keepalive))), '--concurrency', '1')


upstream, proxy = proxy_to(falls_silent(0))
response = get(proxy.port)
expect((response.status, response.body[-22:]), (503, b'connection termination'))
stats = proxy.stats()
expect((stats['cluster.up.http2.keepalive_timeout'], stats['cluster.up.upstream_cx_destroy_local_with_active_rq']), (1, 1))
expect((stats['cluster.up.upstream_rq_active'], stats['cluster.up.upstream_cx_active']), (0, 0))

# A connection that has served before: GET goes to a new one, POST may have been treated.
for method, status in (('GET', 200), ('POST', 503)):
    upstream, proxy = proxy_to([falls_silent(1), serve])
    expect(get(proxy.port).status, 200)
    expect(request(proxy.port, '/', method, body=b'' if method == 'GET' else b'data').status, status)
    expect(proxy.stat('cluster.up.http2.keepalive_timeout'), 1)

upstream, proxy = proxy_to(slow)
expect(get(proxy.port).status, 200)
expect((proxy.stat('cluster.up.http2.keepalive_timeout'), proxy.stat('cluster.up.upstream_cx_total')), (0, 1))
done.set()
