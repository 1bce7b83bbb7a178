# SPDX-License-Identifier: Apache-2.0
"""Routes are tried in order: the first that matches wins; a path match ignores the query; no route gives 404."""
from harness import *

proxy = Proxy(config(routes=[direct('', 200, 'exact', path='/a'), direct('/a/long', 200, 'long'), direct('/a', 201, 'prefix'),
                             {'match': {'prefix': '/CASE', 'case_sensitive': False}, 'direct_response': {'status': 202}}]))
for path, status, body in (('/a', 200, b'exact'), ('/a?q=1', 200, b'exact'), ('/a/long/x', 200, b'long'), ('/ab', 201, b'prefix'),
                           ('/case/x', 202, b''), ('/b', 404, b'')):
    response = get(proxy.port, path)
    expect((response.status, response.body), (status, body), path)
expect(proxy.stat('http.ingress.no_route'), 1)
