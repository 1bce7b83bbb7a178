# SPDX-License-Identifier: Apache-2.0
"""internal_redirect_policy: the router follows the upstream's redirects itself; the client sees where they lead."""
import time

from harness import *


def move(request, connection):
    code, _, to = request.path.removeprefix('/move/').partition('/')
    answer(b'moved', int(code), [('location', f'http://{to}'), ('x-token', 't')])(request, connection)


upstream = Upstream(move)
target = Upstream(echo)
log = f'{TMP}/access'
policy = {'max_internal_redirects': 2, 'redirect_response_codes': [302, 303, 307], 'response_headers_to_copy': ['x-token']}
routes = [{**route('/move', internal_redirect_policy=policy), 'name': 'move'}, {**route('/', 'target'), 'name': 'target'}]
proxy = Proxy(config(cluster('up', upstream.port), cluster('target', target.port), routes=routes, access_log=[
    access_log(log, '%REQ(:AUTHORITY)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %ROUTE_NAME% %UPSTREAM_CLUSTER%\n')]),
    '--concurrency', '1', '--file-flush-interval-msec', '50')

with Client(proxy.port) as client:
    response = client.request('/move/302/b.example/new?q', host='a.example')
    expect(response.status, 200)
    seen = target.requests[-1]
    expect((seen.path, seen.headers['host'], seen.headers['x-token']), ('/new?q', 'b.example', 't'))
    expect(seen.headers['x-envoy-original-url'], 'http://a.example/move/302/b.example/new?q')
    for code, method, body in ((307, 'POST', b'hello' * 1000), (303, 'GET', b'')):
        response = client.request(f'/move/{code}/b.example/', 'POST', body=b'hello' * 1000)
        expect((response.status, response.body, target.requests[-1].method), (200, body, method))
    # Twice at most.
    expect(client.request('/move/302/a/move/302/b/').status, 200)
    response = client.request('/move/302/a/move/302/b/move/302/c/')
    expect((response.status, response.body, response.headers['location']), (302, b'moved', 'http://c/'))
    expect(client.request('/move/301/b.example/').status, 301)
    # What cannot be sent again is not.
    response = client.request('/move/307/b.example/', 'POST', body=b'x' * 3_000_000)
    expect((response.status, proxy.stat('cluster.up.retry_or_shadow_abandoned')), (307, 1))
with Http2Client(proxy.port) as client:
    expect(client.request('/move/302/b.example/').status, 200)
expect(proxy.stat('cluster.up.upstream_internal_redirect_succeeded_total'), 8)
expect(proxy.stat('cluster.up.upstream_internal_redirect_failed_total'), 2)
expect(proxy.stat('http.ingress.passthrough_internal_redirect_too_many_redirects'), 1)
wait_for('the log', lambda: len(open(log).read().splitlines()) == 8)
expect(open(log).read().splitlines()[0], 'b.example /new?q 200 via_upstream target target')
proxy.end()

# Where a redirect leads is put in order as what a client asks for; what is no plain host and port is not followed.
places = {'dots': 'http://b.example/pub/../admin', 'slashes': 'http://b.example//admin', 'escaped': 'http://b.example/%61dmin',
          'port': 'http://b.example:8080/x', 'backslash': 'http://good.example\\@evil.example/', 'comma': 'http://a,b.example/x',
          'percent': 'http://%61.example/x', 'big': 'http://b.example:99999/x', 'none': 'http://b.example:/x', 'v6': 'http://[::1]:80/x'}
guide = Upstream(lambda request, connection: answer(b'', 302, [('location', places[request.path[6:]])])(request, connection))
routes = [route('/move/', internal_redirect_policy={'max_internal_redirects': 1}), direct('/admin', 403, 'no'), route('/', 'target')]
proxy = Proxy(config(cluster('up', guide.port), cluster('target', target.port), routes=routes, normalize_path=True,
                     merge_slashes=True, strip_any_host_port=True), '--concurrency', '1')
with Client(proxy.port) as client:
    for place in ('dots', 'slashes', 'escaped'):
        expect((place, client.request(f'/move/{place}').status), (place, 403))
    for place, host in (('port', 'b.example'), ('v6', '[::1]')):
        expect((client.request(f'/move/{place}').status, target.requests[-1].headers['host']), (200, host))
    for place in ('backslash', 'comma', 'percent', 'big', 'none'):
        expect((place, client.request(f'/move/{place}').status), (place, 302))
expect(proxy.stat('http.ingress.passthrough_internal_redirect_bad_location'), 5)
proxy.end()

# The limits of the first route are not those of the second.
late = Upstream(lambda request, connection: (time.sleep(0.6), answer(b'late')(request, connection)))  # time is the thing under test
places['late'] = 'http://b.example/'
for fields in ({'idle_timeout': '0.3s'}, {'max_stream_duration': {'max_stream_duration': '0.3s'}}):
    routes = [route('/move/', internal_redirect_policy={'max_internal_redirects': 1}, **fields), route('/', 'late')]
    proxy = Proxy(config(cluster('up', guide.port), cluster('late', late.port), routes=routes), '--concurrency', '1')
    expect(get(proxy.port, '/move/late').body, b'late')
    proxy.end()
