# SPDX-License-Identifier: Apache-2.0
"""Bodies of many megabytes pass unchanged both ways."""
import hashlib
import os

from harness import *

upstream = Upstream(echo)
proxy = Proxy(config(cluster('up', upstream.port)))
data = os.urandom(1024 * 1024) * 12
with Client(proxy.port) as client:
    for _ in range(2):
        response = client.request('/', 'POST', body=data)
        expect(hashlib.sha256(response.body).digest(), hashlib.sha256(data).digest())
