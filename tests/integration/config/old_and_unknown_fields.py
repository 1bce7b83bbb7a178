# SPDX-License-Identifier: Apache-2.0
"""Deprecated fields, and unknown ones that are allowed, are counted, and logged once each."""
from harness import *

old = config(cluster('up', 1))
old['static_resources']['clusters'][0]['max_requests_per_connection'] = 5
old['static_resources']['clusters'][0]['dns_refresh_rate'] = '5s'
old['dynamic_resources'] = {}
proxy = Proxy(old, '--allow-unknown-static-fields')
proxy.wait_stat('runtime.deprecated_feature_seen_since_process_start', 2)
expect(proxy.stat('runtime.deprecated_feature_use'), 2)
expect(proxy.stat('server.static_unknown_fields'), 1)
expect(proxy.log.count('Using deprecated option'), 2)

proxy = Proxy(config(cluster('up', 1)))
proxy.wait_stat('server.concurrency', 2)
expect(proxy.stat('runtime.deprecated_feature_use'), 0)
expect(proxy.stat('server.static_unknown_fields'), 0)
