# SPDX-License-Identifier: Apache-2.0
"""Exact host beats suffix wildcard beats prefix wildcard beats `*`; no host left gives 404 with NR."""
from harness import *

def host(name, *domains):
    return virtual_host(name, domains, direct('/', 200, name))

log = f'{TMP}/access'
hosts = [host('exact', 'a.example.com'), host('suffix', '*.example.com'), host('longer', '*.x.example.com'), host('prefix', 'a.*')]
proxy = Proxy(bootstrap([listener(hcm(virtual_hosts=hosts, access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')])),
                         listener(hcm(virtual_hosts=[*hosts, host('any', '*')]), 'other')], []), '--file-flush-interval-msec', '50')
for name, wanted in (('a.example.com', b'exact'), ('A.Example.COM', b'exact'), ('b.example.com', b'suffix'), ('y.x.example.com', b'longer'),
                     ('a.org', b'prefix')):
    expect(get(proxy.port, host=name).body, wanted, name)
response = get(proxy.port, host='nowhere.org')
expect((response.status, response.body), (404, b''))
expect(get(proxy.port_of('other'), host='nowhere.org').body, b'any')
wait_for('404 NR in the log', lambda: '404 NR\n' in open(log).read())
