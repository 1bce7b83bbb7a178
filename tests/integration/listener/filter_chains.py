# SPDX-License-Identifier: Apache-2.0
"""The filter chain by where a connection comes from and goes to, without any listener filter; what matches none is closed and
counted."""
import socket

from harness import *

free = socket.socket()
free.bind(('127.0.0.1', 0))  # a port to come from
source_port = free.getsockname()[1]
free.close()


def chain(name, **match):
    return filter_chain(hcm(direct('/', 200, name), stat_prefix=name), match)


def cidr(address, length):
    return [{'address_prefix': address, 'prefix_len': length}]


def asked(to, come_from=('127.0.0.1', 0)):
    connection = socket.create_connection(to, 10, source_address=come_from)
    with connection:
        connection.sendall(b'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
        try:
            return b''.join(iter(lambda: connection.recv(65536), b'')).split(b'\r\n\r\n')[-1].decode()
        except ConnectionResetError:
            return ''


proxy = Proxy(bootstrap([listener(address='0.0.0.0', filter_chains=[
    chain('to2', prefix_ranges=cidr('127.0.0.2', 32)),
    chain('port', prefix_ranges=cidr('127.0.0.0', 24), source_ports=[source_port]),
    chain('from3', prefix_ranges=cidr('127.0.0.0', 24), source_prefix_ranges=cidr('127.0.0.3', 32)),
    chain('local', prefix_ranges=cidr('127.0.0.0', 24), source_type='SAME_IP_OR_LOOPBACK',
          source_prefix_ranges=cidr('127.0.0.4', 32))])], []))
here, port = ('127.0.0.1', proxy.port), proxy.port
expect(asked(('127.0.0.2', port)), 'to2')
expect(asked(here, ('127.0.0.4', 0)), 'local')
unmatched = 'listener.0.0.0.0_0.no_filter_chain_match'
expect(asked(here, ('127.0.0.3', 0)), '', 'the source type is looked at first')
expect(asked(here), '')
proxy.wait_stat(unmatched, 2)

proxy = Proxy(bootstrap([listener(filter_chains=[
    chain('port', source_ports=[source_port]), chain('from3', source_prefix_ranges=cidr('127.0.0.3', 32)),
    chain('direct', direct_source_prefix_ranges=cidr('127.0.0.5', 32))],
    default_filter_chain=filter_chain(hcm(direct('/', 200, 'default'))))], []))
here = ('127.0.0.1', proxy.port)
expect(asked(here), 'default')
expect(asked(here, ('127.0.0.1', source_port)), 'port')
expect(asked(here, ('127.0.0.3', 0)), 'from3')
expect(asked(here, ('127.0.0.5', 0)), 'direct')

code, _, err = validate(bootstrap([listener(filter_chains=[chain('a', source_ports=[7, 8]), chain('b', source_ports=[8])])], []))
expect(code, 1)
expect_in('multiple filter chains with overlapping matching rules are defined', err)
