# SPDX-License-Identifier: Apache-2.0
"""weighted_clusters share the connections by their weights; one that does not exist closes its share of them."""
from harness import *

heavy, light = RawUpstream(capitals(b'heavy')), RawUpstream(capitals(b'light'))
clusters = cluster('heavy', heavy.port), cluster('light', light.port)
log = f'{TMP}/access.log'
CONNECTS = 200


def who(proxy):
    with Client(proxy.port) as client:
        client.finish()
        how, name = client.rest()
        expect(how, 'eof')
        return name


proxy = Proxy(tcp_config(*clusters, to={'heavy': 3, 'light': 1}))
names = [who(proxy) for _ in range(CONNECTS)]
expect(set(names), {b'heavy', b'light'})
expect_true(110 < names.count(b'heavy') < 185, f'3 : 1, {names.count(b"heavy")} of {CONNECTS}')

missing = Proxy(tcp_config(*clusters, to={'heavy': 1, 'nobody': 1},
                           access_log=[access_log(log, '%RESPONSE_FLAGS% %UPSTREAM_CLUSTER%\n')]),
                '--file-flush-interval-msec', '50')
names = [who(missing) for _ in range(40)]
expect(set(names), {b'heavy', b''})
expect(missing.stat('tcp.tcp.downstream_cx_no_route'), names.count(b''))
wait_for('40 lines', lambda: len(open(log).readlines()) == 40)
expect(open(log).read().count('NC -\n'), names.count(b''))
