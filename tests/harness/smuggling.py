# SPDX-License-Identifier: Apache-2.0
"""Request smuggling: the vectors of tests/data/smuggling/, servers that read HTTP/1 in the lenient ways in which servers have been
found to read it, and an upstream that is one of them and keeps each byte that came, so that all others can be asked later."""
import dataclasses
import os
import re

from .upstream import Gone, Upstream, head

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'data', 'smuggling')
EVIL = b'GET /evil HTTP/1.1\r\nhost: a\r\n\r\n'
MACROS = {b'{evil}': EVIL, b'{second}': EVIL.replace(b'/evil', b'/second'), b'{post}': b'POST / HTTP/1.1\r\nhost: a\r\n',
          b'{clte}': b'0\r\n\r\n' + EVIL, b'{tecl}': b'%x\r\n%s\r\n0\r\n\r\n' % (len(EVIL), EVIL)}


@dataclasses.dataclass
class Vector:
    name: str
    outcomes: list  # by listener, strict and liberal: what the client sees: statuses, 'close' at the connection's end, 'wait' for nothing
    data: bytes


def vectors(file):
    """One a line: `name | outcome | outcome | bytes`, with Python's escapes, MACROS, and {70000 x} for so many of a letter."""
    found = []
    with open(f'{DATA}/{file}') as lines:
        for line in lines:
            if line.strip() and not line.startswith('#'):
                name, *outcomes, text = line.rstrip('\n').split(' | ', 3)
                data = text.encode().decode('unicode_escape').encode('latin-1')
                for macro, meaning in MACROS.items():
                    data = data.replace(macro, meaning)
                data = re.sub(rb'\{(\d+) (.)\}', lambda match: int(match[1]) * match[2], data)
                found.append(Vector(name, [outcome.split() for outcome in outcomes], data))
    return found


@dataclasses.dataclass(frozen=True)
class Reader:
    """How a server reads. Each field is a liberty that somebody took; a proxy in front of any of them must leave none a choice."""
    line_end: bytes = rb'\r\n'
    encoding: str = 'exact'     # 'exact': chunked and nothing else; 'contains': the word somewhere in it; 'last': the last word of it
    length_first: bool = False  # content-length wins over transfer-encoding
    which: int = 0              # of several lengths: 0 the first, -1 the last
    number: str = 'strict'      # else 0 or 400; 'prefix': the digits it begins with; 'any': also signs, 0x, the last of a list
    trims_names: bool = False   # blanks and worse around a name are no part of it
    folds: bool = False         # a line that begins with a blank goes on with the one before
    wraps: int = 64             # bits of a chunk's size
    size: str = 'any'           # of a chunk: also signs, 0x, blanks before; 'prefix': the digits it begins with
    after_chunk: str = 'line'   # what follows a chunk's data: a line end, 'blind': any two bytes, 'none': perhaps nothing
    old: bool = False           # HTTP/1.0 knows no chunks
    quotes: bool = False        # a quoted string in a chunk extension may hold line ends

    def requests(self, data):
        """All complete ones as (method, target, host, body), and the bytes that are left over: the beginning of one more."""
        found = []
        while True:
            data = re.sub(rb'^(\r\n|\n)+', b'', data)
            request, rest = self._one(data)
            if request is None:
                return found, data
            found.append(request)
            data = rest

    def _line(self, data, start=0):
        match = re.compile(self.line_end).search(data, start)
        return (data[start:match.start()], match.end()) if match else (None, start)

    def _one(self, data):
        line, at = self._line(data)
        if line is None:
            return None, data
        words = line.split()
        fields = []
        while True:
            line, at = self._line(data, at)
            if line is None:
                return None, data
            if not line:
                break
            if self.folds and line[:1] in b' \t' and fields:
                fields[-1][1] = (fields[-1][1] + b' ' + line.strip()).strip()
                continue
            name, _, value = line.partition(b':')
            fields.append([(re.sub(rb'^[\W]+|[\W]+$', b'', name) if self.trims_names else name).lower(), value.strip(b' \t')])
        method, target = (words + [b'', b''])[:2]
        hosts = [value for name, value in fields if name == b'host']
        body, at = self._body(fields, words, data, at)
        if body is None:
            return None, data
        return (method, target, hosts[self.which] if hosts else b'', body), data[at:]

    def _body(self, fields, words, data, at):
        lengths = [value for name, value in fields if name == b'content-length']
        encodings = b','.join(value.lower() for name, value in fields if name == b'transfer-encoding')
        is_chunked = {'exact': encodings == b'chunked', 'contains': b'chunked' in encodings,
                      'last': encodings.split(b',')[-1].strip() == b'chunked'}[self.encoding]
        if self.old and words[-1:] == [b'HTTP/1.0']:
            is_chunked = False
        if is_chunked and not (self.length_first and lengths):
            return self._chunks(data, at)
        size = self._number(lengths[self.which]) if lengths else 0
        return (data[at:at + size], at + size) if len(data) - at >= size else (None, at)

    def _number(self, text):
        if self.number == 'any':
            text = text.split(b',')[-1].strip(b' \t\x0b"')
            match = re.match(rb'\+?(0x)?([0-9a-f]+)', text, re.I)
            return int(match[2], 16 if match[1] else 10) % 2 ** 64 if match and (match[1] or match[2].isdigit()) else 0
        match = re.match(rb'\d+', text) if self.number == 'prefix' else re.fullmatch(rb'\d+', text)
        return int(match[0]) if match else 0

    def _chunks(self, data, at):
        body = b''
        while True:
            line, at = self._line(data, at)
            while self.quotes and line is not None and line.count(b'"') % 2:
                more, at = self._line(data, at)
                line = None if more is None else line + more
            if line is None:
                return None, at
            match = re.match(rb'\s*\+?(?:0x)?([0-9a-f]+)' if self.size == 'any' else rb'([0-9a-f]+)', line, re.I)
            size = int(match[1], 16) % 2 ** self.wraps if match else 0
            if size == 0:
                break
            if len(data) - at < size + 1:
                return None, at
            body, at = body + data[at:at + size], at + size
            if self.after_chunk == 'blind':
                at += 2
            elif end := re.compile(self.line_end).match(data, at):
                at = end.end()
            elif self.after_chunk == 'line':
                _, at = self._line(data, at)
        while line:
            line, at = self._line(data, at)
        return (None, at) if line is None else (body, at)


LF, CR, NUL = rb'\r?\n', rb'\r\n|\r|\n', rb'\r\n|\n|\0'
READERS = [Reader(), Reader(LF), Reader(CR), Reader(NUL), Reader(encoding='contains'), Reader(encoding='last', folds=True), Reader(length_first=True),
           Reader(length_first=True, which=-1), Reader(LF, 'contains', trims_names=True, folds=True), Reader(CR, 'contains', trims_names=True),
           Reader(number='prefix'), Reader(number='any', trims_names=True), Reader(number='any', which=-1, folds=True), Reader(wraps=32), Reader(LF, wraps=128),
           Reader(after_chunk='blind'), Reader(after_chunk='none', size='prefix'), Reader(CR, after_chunk='blind', which=-1), Reader(old=True), Reader(quotes=True),
           Reader(LF, trims_names=True, number='any', encoding='contains', length_first=True)]


class LenientUpstream(Upstream):
    """Reads as `reader` does, answers each request that it sees with its target in x-path; sent[i] is all that connection i brought."""

    def __init__(self, reader):
        super().__init__()
        self.reader, self.sent, self.seen = reader, [], []

    def _serve(self, sock):
        number, data = len(self.sent), b''
        self.sent.append(b'')
        try:
            while more := sock.recv(262144):
                self.sent[number] += more
                found, data = self.reader.requests(data + more)
                for method, target, host, body in found:
                    self.seen.append((method, target, host, body))
                    fields = [('content-length', 0), ('x-path', target.decode('latin-1')), ('x-host', host.decode('latin-1'))]
                    sock.sendall(head(200, fields))
        except (Gone, OSError):
            pass
        finally:
            sock.close()
            self.open_sockets.remove(sock)
