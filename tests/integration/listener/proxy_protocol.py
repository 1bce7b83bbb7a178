# SPDX-License-Identifier: Apache-2.0
"""The PROXY header, version 1 and 2, in front of plain and TLS connections: its addresses are the client's, for headers, logs
and filter chains. What is none is closed and counted, also when it has no end."""
import socket
import struct

from harness import *
from harness.config import EXTENSION

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'
V1 = b'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n'


def v2(payload, command=1, family=0x11):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack('!H', len(payload)) + payload


V2 = v2(socket.inet_aton('192.0.2.8') + socket.inet_aton('198.51.100.1') + struct.pack('!HH', 4712, 443) + b'\x04\0\3abc')
V2_6 = v2(socket.inet_pton(socket.AF_INET6, '2001:db8::9') + socket.inet_pton(socket.AF_INET6, '2001:db8::1') +
          struct.pack('!HH', 4713, 443), family=0x21)
LOCAL = v2(b'', command=0, family=0)


def proxied(**fields):
    return {'name': 'envoy.filters.listener.proxy_protocol', 'typed_config': {
        '@type': EXTENSION + 'filters.listener.proxy_protocol.v3.ProxyProtocol', **fields}}


authority = Authority()
log = f'{TMP}/access.log'
upstream = Upstream(answer(b'hello'))


def manager(prefix):
    text = '%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%\n'
    return hcm(stat_prefix=prefix, use_remote_address=True, access_log=[access_log(log, text)])


secure = {'transport_protocol': 'tls'}
for_eight = {'source_prefix_ranges': [{'address_prefix': '192.0.2.8', 'prefix_len': 32}], 'transport_protocol': 'raw_buffer'}
strict = listener(name='strict', listener_filters=[proxied()], listener_filters_timeout='1s', filter_chains=[
    filter_chain(manager('tls'), secure, downstream_tls(authority.issue('a.example'))),
    filter_chain(manager('eight'), for_eight), filter_chain(manager('plain'), {'transport_protocol': 'raw_buffer'})])
lenient = listener(manager('lenient'), name='lenient', listener_filters=[proxied(
    allow_requests_without_proxy_protocol=True, disallowed_versions=['V2'], stat_prefix='lenient')])
only_v2 = listener(manager('only'), name='only', listener_filters=[proxied(disallowed_versions=['V1'], stat_prefix='only')])
proxy = Proxy(bootstrap([strict, lenient, only_v2], [cluster('up', upstream.port)]))
port = proxy.port_of('strict')


def asked(name, header, pieces=1):
    """x-forwarded-for as the upstream saw it."""
    with Client(proxy.port_of(name)) as client:
        size = len(header) // pieces + 1
        for start in range(0, len(header), size):
            client.send(header[start:start + size])
        expect(client.request('/').body, b'hello')
        client.request('/')
    return upstream.requests[-1].headers['x-forwarded-for']


def refused(name, header):
    with Client(proxy.port_of(name)) as client:
        client.send(header)
        try:
            expect(client.rest()[1], b'')
        except (ConnectionResetError, BrokenPipeError):
            pass


here = asked('lenient', b'')  # what stands for the loopback address
expect([asked('strict', header) for header in (V1, V2, V2_6, LOCAL, b'PROXY UNKNOWN\r\n')],
       ['192.0.2.7', '192.0.2.8', '2001:db8::9', here, here])
expect(asked('strict', V2, pieces=20), '192.0.2.8')
with TlsClient(port, authority, first=V1) as client:
    expect(client.request('/').body, b'hello')
expect((upstream.requests[-1].headers['x-forwarded-for'], upstream.requests[-1].headers['x-forwarded-proto']),
       ('192.0.2.7', 'https'))

refused('strict', b'GET / HTTP/1.1\r\nhost: a\r\n\r\n')
refused('strict', b'PROXY TCP4 nonsense\r\n')
refused('strict', b'PROXY ' + b'x' * 200)
refused('strict', v2(b'', family=0x11))
refused('strict', v2(b'x' * 65535)[:1000])  # a header that does not end: closed by the timeout
expect(asked('lenient', V1), '192.0.2.7')
with Client(proxy.port_of('lenient')) as client:  # of no version that is looked for: content, and no request
    client.send(V2)
    expect(client.response().status, 400)
refused('only', V1)
expect(asked('only', V2), '192.0.2.8')

stats = proxy.stats()
expect([stats['proxy_proto.' + name] for name in ('versions.v1.found', 'versions.v2.found', 'versions.v1.error',
                                                  'versions.v2.error', 'not_found_disallowed')], [3, 4, 2, 1, 1])
expect([stats['proxy_proto.lenient.' + name] for name in ('versions.v1.found', 'not_found_allowed')], [1, 2])
expect([stats['proxy_proto.only.' + name] for name in ('versions.v1.disallowed', 'versions.v2.found')], [1, 1])
expect((stats['listener.127.0.0.1_0.downstream_pre_cx_timeout'], stats['listener.127.0.0.1_0.downstream_pre_cx_active']), (1, 0))
expect((stats['http.eight.downstream_cx_total'], stats['http.tls.downstream_cx_total']), (2, 1))
proxy.end()
lines = open(log).read().splitlines()
expect(lines.count('192.0.2.7:4711 198.51.100.1:443 127.0.0.1'), 5)
expect(lines.count('[2001:db8::9]:4713 [2001:db8::1]:443 127.0.0.1'), 2)
