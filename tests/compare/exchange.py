# SPDX-License-Identifier: Apache-2.0
"""What is sent, and what is seen of it: by the client, and by the upstream. Both as plain values that can be compared."""
import errno
import json
import re
import select
import time

from harness import Client, Http2Client
from harness import answer as usual_answer

QUIET = 0.04    # a connection that says nothing for so long after its answer stays open
PATIENCE = 4.0  # for an answer


def connect(kind, subject, listener):
    """A client on a port that no exchange had before: the access log tells by it whose a line is."""
    while True:
        subject.next_port += 1
        try:
            return kind(subject.ports[listener], source=subject.next_port), subject.next_port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


class Seen:
    """What one exchange did with one program. Each field is a list of text lines."""

    def __init__(self):
        self.answers, self.end, self.upstream, self.log, self.stats = [], '', [], [], []


def field_lines(pairs):
    """Sorted by name; several of one name keep their order."""
    return sorted((f'{name}: {value}' for name, value in pairs), key=lambda line: line.split(':', 2)[:2 if line.startswith(':') else 1])


def requests_of(subject, already):
    """What the upstream saw since it had seen so many."""
    return [[f'{one.method} {one.path}', *field_lines(one.header_list), '', repr(one.body), *field_lines(one.trailers)]
            for one in subject.upstream.requests[already:]]


class Exchange:
    """Bytes on an HTTP/1 connection of its own. answers: how many are awaited; respond: what the upstream does."""

    def __init__(self, name, data, answers=1, respond=None, listener='ingress', finish=False):
        self.name, self.data = name, data if isinstance(data, bytes) else data.encode('latin-1')
        self.count, self.respond, self.listener, self.finish = answers, respond, listener, finish

    def play(self, subject):
        subject.upstream.respond = self.respond or usual_answer(b'hello\n')
        already, seen = len(subject.upstream.requests), Seen()
        client, self.port = connect(Client, subject, self.listener)
        with client:
            try:
                client.send(self.data)
                if self.finish:
                    client.finish()
            except OSError:
                pass  # answered and closed before all was sent
            methods = re.findall(rb'(?:^|\n)([A-Z]+) ', self.data)
            seen.answers, seen.end = self.read(client, methods)
        seen.upstream = requests_of(subject, already)
        return seen

    def read(self, client, methods):
        """Reads the awaited answers, then whether the connection stays open."""
        deadline, text, end = time.monotonic() + PATIENCE, b'', None
        while end is None:
            answers, whole, closing = parse(text, methods)
            done = whole and len(answers) >= self.count
            limit = time.monotonic() + QUIET if done and not closing else deadline
            if not select.select([client.socket], [], [], max(0, limit - time.monotonic()))[0]:
                end = 'open' if done else 'silent'
                break
            try:
                data = client.socket.recv(1 << 20)
            except OSError:
                end = 'reset'
                break
            if not data:
                end = 'closed'
            text += data
        answers, whole, _ = parse(text, methods)
        return answers + ([] if whole else [['cut off']]), end


def parse(text, methods):
    """HTTP/1 answers: (list of line lists, whether the last is whole, whether it announced the close)."""
    answers, at, closing = [], 0, False
    methods = list(methods)
    while at < len(text):
        head_end = text.find(b'\r\n\r\n', at)
        if head_end < 0:
            return answers, False, closing
        lines = text[at:head_end].decode('latin-1').split('\r\n')
        pairs = [tuple(part.strip() for part in line.split(':', 1)) for line in lines[1:]]
        fields = {name.lower(): value for name, value in pairs}
        status, at = int(lines[0].split()[1]), head_end + 4
        interim = 100 <= status < 200
        method = methods[0] if methods else b'GET'
        if not interim and methods:
            methods.pop(0)
        closing = fields.get('connection') == 'close'
        body, whole, trailers = b'', True, []
        if interim or status in (204, 304) or method == b'HEAD':
            if status == 101:
                body, at = text[at:], len(text)
        elif fields.get('transfer-encoding') == 'chunked':
            body, trailers, at, whole = chunks(text, at)
        elif 'content-length' in fields:
            size = int(fields['content-length'])
            body, whole, at = text[at:at + size], at + size <= len(text), at + size
        else:
            body, at = text[at:], len(text)
        if not interim or status == 101:
            answers.append([lines[0], *field_lines(pairs), '', repr(body), *trailers])
        else:
            answers.append([lines[0], *field_lines(pairs)])
        if not whole:
            return answers, False, closing
    return answers, True, closing


def chunks(text, at):
    body = b''
    while True:
        line = text.find(b'\r\n', at)
        if line < 0:
            return body, [], at, False
        size, at = int(text[at:line].split(b';')[0], 16), line + 2
        if size == 0:
            break
        if len(text) < at + size + 2:
            return body, [], at, False
        body, at = body + text[at:at + size], at + size + 2
    end = text.find(b'\r\n', at) if text[at:at + 2] == b'\r\n' else text.find(b'\r\n\r\n', at)
    if end < 0:
        return body, [], at, False
    trailers = text[at:end].decode('latin-1').split('\r\n') if end > at else []
    return body, trailers, end + (4 if trailers else 2), True


class Exchange2:
    """HTTP/2 by prior knowledge. script(client) opens streams and sends frames; all its streams and the end are seen."""

    def __init__(self, name, script, respond=None, listener='ingress', count=1):
        self.name, self.script, self.respond, self.listener, self.count = name, script, respond, listener, count

    def play(self, subject):
        subject.upstream.respond = self.respond or usual_answer(b'hello\n')
        already, seen = len(subject.upstream.requests), Seen()
        client, self.port = connect(Http2Client, subject, self.listener)
        with client:
            try:
                self.script(client)
            except OSError:
                pass
            deadline = time.monotonic() + PATIENCE
            while not client.end and sum(one.over for one in client.streams.values()) < self.count and client.read(deadline):
                pass
            while not client.end and client.read(time.monotonic() + QUIET):
                pass
            for stream, one in sorted(client.streams.items()):
                lines = [f'stream {stream}'] if one.header_list is None else field_lines(one.header_list)
                seen.answers.append([*lines, '', repr(one.body), *field_lines(one.trailers),
                                     'whole' if one.ended else '', *([f'reset {one.reset}'] if one.reset is not None else [])])
            seen.answers += [[f'GOAWAY {code}'] for _, code in client.goaways]
            seen.end = client.end or 'open'
        seen.upstream = requests_of(subject, already)
        return seen


class Ask:
    """A path of the admin interface. json: only what it says counts, not how it is laid out."""

    def __init__(self, path, method='GET', body=True, json=False):
        self.name, self.path, self.method, self.body, self.json = f'{method} {path}', path, method, body, json
        self.port = None

    def play(self, subject):
        seen, response = Seen(), subject.admin(self.path, self.method)
        text = response.body.decode()
        if self.json:
            text = json.dumps(json.loads(text), sort_keys=True, indent=1)
        seen.answers = [[str(response.status), *field_lines(response.header_list), '', *(text.splitlines() if self.body else [])]]
        return seen


class Verdict:
    """A bootstrap: is it accepted?"""

    def __init__(self, name, bootstrap):
        self.name, self.bootstrap = name, bootstrap
