# SPDX-License-Identifier: Apache-2.0
"""The admin interface may be a unix socket."""
from harness import *

value = config(routes=[direct('/', 200)])
value['admin']['address'] = {'pipe': {'path': f'{TMP}/admin.sock'}}
proxy = Proxy(value)
expect(proxy.admin_address, f'{TMP}/admin.sock')
expect(proxy.admin('/ready').body, b'LIVE\n')
