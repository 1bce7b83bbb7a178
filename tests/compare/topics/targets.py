# SPDX-License-Identifier: Apache-2.0
"""Paths and hosts as they are put in order before routing: canonical paths, slashes merged and unescaped, ports and dots stripped."""
import random

from compare.exchange import Exchange, Exchange2, Verdict
from harness import bootstrap, cluster, config, hcm, listener, route

ACTIONS = {'keep': 'KEEP_UNCHANGED', 'reject': 'REJECT_REQUEST', 'redirect': 'UNESCAPE_AND_REDIRECT', 'forward': 'UNESCAPE_AND_FORWARD'}
MANAGERS = {
    'normal': {'normalize_path': True}, 'merged': {'merge_slashes': True}, 'both': {'normalize_path': True, 'merge_slashes': True},
    **{name: {'path_with_escaped_slashes_action': action} for name, action in ACTIONS.items()},
    **{f'all-{name}': {'normalize_path': True, 'merge_slashes': True, 'path_with_escaped_slashes_action': action} for name, action in ACTIONS.items()},
    'matching': {'strip_matching_host_port': True}, 'any': {'strip_any_host_port': True}, 'dot': {'strip_trailing_host_dot': True},
    'any-dot': {'strip_any_host_port': True, 'strip_trailing_host_dot': True}}
HOSTS = ['a', 'a:80', 'a:', 'a:x', 'a:0', 'a:99999', 'a:4294967296', '[::1]', '[::1]:80', '::1', 'a.', 'a.:80', 'a..', '.', '1.2.3.4:80', '1.2.3.4.', 'a:80:90',
         'LISTENER', 'a:+80', 'a: 80', '[::1].:80', 'a.b:80', ':80', 'A.B.']
PATHS = ['/', '//', '///', '/a', '/a/', '/a//b', '/a/./b', '/a/../b', '/../a', '/a/..', '/a/.', '/a/b/../../..', '/.', '/..', '/...', '/a/...', '/.a', '/a.', '/a/.b/..c',
         '/%2e', '/%2E%2e/a', '/a/%2e./b', '/a/.%2e/b', '/%2e%2e%2f', '/%2F', '/%2f', '/%5C', '/%5c', '/\\', '/a\\b', '/a\\..\\b', '/a/..\\b', '/%00', '/%', '/%2', '/%zz', '/%%30%30', '/%%300',
         '/%2%46', '/%2%35', '/%%32f', '/%25', '/%252e%252e', '/%41%61%30%7e%2d%5f', '/%20', '/%7f', '/%c3%a4', '/a?b/../c//d%2F', '/a/../b?', '/?', '/a%3fb', '/a%23b', '/a;b=c/../d',
         '/a,b', '/~a', '/a|b', '/a^b', '/a`b', '/a{b}', '/a[b]', '/a<b>', '/a"b', "/a'b", '/a!$&()*+:;=@b', '/%21%24%26%27%28%29%2a%2b%2c%3a%3b%3d%40', '/a%2fb%5cc', '/a/%2f/b',
         '/a//../b', '/a/b/..//c', '//a/../..//b', '/a/%2E%2E%2Fb', '/%2e%2e/%2e%2e/etc', '/..%5c..%5cetc', '/a/..;/b', '/%5b%5d%5e%60%7b%7c%7d', '/%3c%3e%22', '/\\\\a', '/%2F%2F', '/a/%2e%2e']
PIECES = ['/', '/', '/', '.', '..', '%2e', '%2E', '%2f', '%2F', '%5c', '\\', 'a', 'b', '%', '%2', '%41', '%%', '%30', '%00', '%25', ';', '~', '|', '%7C', '^', '{', '?', '//', '%32', '%46', '0', 'f']


def configuration(upstream, log):
    listeners = [listener(hcm(route('/'), stat_prefix=name, access_log=log, **fields), name=name) for name, fields in MANAGERS.items()]
    return bootstrap(listeners, [cluster('up', upstream)])


class AtListener(Exchange):
    """The port of the listener itself stands for LISTENER."""

    def play(self, subject):
        self.data = self.data.replace(b'LISTENER', b'a:%d' % subject.ports[self.listener])
        return super().play(subject)


def ask(name, path='/', host='a', *fields, **more):
    return AtListener(f'{name} {path} {host} {fields}', '\r\n'.join([f'GET {path} HTTP/1.1', f'host: {host}', *fields, '', '']), listener=name, **more)


def by_http2(name, path='/', host='a'):
    return Exchange2(f'HTTP/2 {name} {path} {host}', lambda client: client.open(path, host=host), listener=name)


def exchanges(options):
    changing = [name for name in MANAGERS if name not in ('keep', 'matching', 'any', 'dot', 'any-dot')]
    for path in PATHS:
        for name in changing:
            yield ask(name, path)
    for path in PATHS[::3]:
        yield by_http2('all-forward', path)
        yield by_http2('redirect', path)
    for host in HOSTS:
        for name in ('matching', 'any', 'dot', 'any-dot'):
            yield ask(name, '/', host)
    for path in ('/a%2fb', '/%00'):
        for name in ('redirect', 'all-redirect', 'reject', 'normal'):
            yield ask(name, path, 'a', 'content-type: application/grpc')
            yield Exchange(f'HEAD {name} {path}', f'HEAD {path} HTTP/1.1\r\nhost: a\r\n\r\n', listener=name)
    yield Exchange('CONNECT any', 'CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n', listener='any')
    yield Exchange('OPTIONS *', 'OPTIONS * HTTP/1.1\r\nhost: a:80\r\n\r\n', listener='all-forward')
    yield Exchange('absolute', 'GET http://b.:80/a/../c%2fd HTTP/1.1\r\nhost: a:80\r\n\r\n', listener='all-forward')
    random.seed(options.seed)
    for _ in range(options.generated):
        yield ask(random.choice(['normal', 'merged', 'both', 'all-forward', 'all-redirect']), '/' + ''.join(random.choices(PIECES, k=random.randint(1, 9))))
    up = cluster('up', 1)
    yield Verdict('both ports', config(up, strip_matching_host_port=True, strip_any_host_port=True))
    yield Verdict('neither port', config(up, strip_matching_host_port=False, strip_any_host_port=False))
    yield Verdict('unknown action', config(up, path_with_escaped_slashes_action='DECODE'))
    yield Verdict('default action', config(up, path_with_escaped_slashes_action='IMPLEMENTATION_SPECIFIC_DEFAULT'))
