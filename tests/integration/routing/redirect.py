# SPDX-License-Identifier: Apache-2.0
"""Redirects: scheme, host, path, prefix rewrite, strip_query and code."""
from harness import *

proxy = Proxy(config(routes=[
    redirect('/https', https_redirect=True), redirect('/host', host_redirect='new.org', response_code='FOUND'),
    redirect('/path', path_redirect='/else', strip_query=True), redirect('/old', prefix_rewrite='/new', response_code='PERMANENT_REDIRECT')]))
for path, status, location in (('/https/x?q=1', 301, 'https://a.org/https/x?q=1'), ('/host/x', 302, 'http://new.org/host/x'),
                               ('/path?q=1', 301, 'http://a.org/else'), ('/old/deep?q', 308, 'http://a.org/new/deep?q')):
    response = get(proxy.port, path, host='a.org')
    expect((response.status, response.headers['location'], response.body), (status, location, b''), path)
