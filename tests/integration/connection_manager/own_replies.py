# SPDX-License-Identifier: Apache-2.0
"""What the connection manager answers in place of a route that forwards has the fields that this route adds to its responses."""
from harness import *

upstream = Upstream(silent)
added = {'response_headers_to_add': [{'header': {'key': 'x-route', 'value': '%ROUTE_NAME% %RESPONSE_CODE_DETAILS%'}}]}
routes = [{**route('/forward'), 'name': 'forward', **added}, {**direct('/here', 200, 'x'), 'name': 'here', **added}]
proxy = Proxy(config(cluster('up', upstream.port), routes=routes, stream_idle_timeout='0.1s'))
for kind in (Client, Http2Client):
    with kind(proxy.port) as client:
        response = client.request('/forward')
        expect((response.status, response.body, response.headers['x-route']), (504, b'stream timeout', 'forward stream_idle_timeout'))
for path, route_field in (('/forward', 'forward upgrade_failed'), ('/here', None), ('/nowhere', None)):
    with Client(proxy.port) as client:
        client.send(UPGRADE.replace(b'GET / ', f'GET {path} '.encode()))
        response = client.response()
        expect((response.status, response.headers.get('x-route')), (403, route_field))
