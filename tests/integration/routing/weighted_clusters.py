# SPDX-License-Identifier: Apache-2.0
"""Weighted clusters share the requests by their weights; a cluster may also be named by a field of the request."""
from harness import *

upstreams = {name: Upstream(answer(name.encode())) for name in ('blue', 'green')}
proxy = Proxy(config(*(cluster(name, upstream.port) for name, upstream in upstreams.items()), cluster('unused', 1), routes=[
    {'match': {'prefix': '/named'}, 'route': {'cluster_header': 'X-Cluster', 'cluster_not_found_response_code': 'NOT_FOUND'}},
    {'match': {'prefix': '/'}, 'route': {'weighted_clusters': {'clusters': [
        {'name': 'unused', 'weight': 0},
        {'name': 'blue', 'weight': 25, 'response_headers_to_add': [{'header': {'key': 'x-colour', 'value': 'blue'}}]},
        {'name': 'green', 'weight': 75}]}}}]))
hits = {b'blue': 0, b'green': 0}
with Client(proxy.port) as client:
    for _ in range(800):
        response = client.request('/')
        expect(response.status, 200)
        expect('x-colour' in response.headers, response.body == b'blue')
        hits[response.body] += 1
    # 200 expected; the odds of being further off than this are below one in a hundred million.
    expect(120 < hits[b'blue'] < 280, True, hits)
    expect(client.request('/named', headers={'x-cluster': 'green'}).body, b'green')
    expect(client.request('/named', headers={'x-cluster': 'blue'}).body, b'blue')
    for headers in ({}, {'x-cluster': 'nope'}):
        expect(client.request('/named', headers=headers).status, 404)
with Http2Client(proxy.port) as client:
    expect(client.request('/named', headers=[('x-cluster', 'green')]).body, b'green')
expect(proxy.stat('cluster.unused.upstream_rq_total'), 0)
expect(proxy.stat('http.ingress.no_cluster'), 2)
