# SPDX-License-Identifier: Apache-2.0
"""What the upstream and the client see besides their own header fields."""
import re

from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port), use_remote_address=True))
response = get(proxy.port, headers={'x-forwarded-for': '10.0.0.1', 'te': 'gzip', 'x-envoy-internal': 'true', 'keep-alive': 'x'})
seen = response.headers['x-seen']
expect_true(re.search(r'x-forwarded-for=10\.0\.0\.1, ?127\.0\.0\.1;', seen) or 'x-forwarded-for=10.0.0.1,' in seen, seen)
expect_in('x-forwarded-proto=http;', seen)
expect_true(re.search(r'x-request-id=[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12};', seen), seen)
expect_in('x-envoy-expected-rq-timeout-ms=15000;', seen)
for name in ('te=', 'keep-alive=', 'x-envoy-internal='):
    expect(name in seen, False, name)
expect(response.headers['server'], 'envoy')
expect_in('x-envoy-upstream-service-time', response.headers)
expect_true(re.match(r'\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$', response.headers['date']), response.headers['date'])
