# SPDX-License-Identifier: Apache-2.0
"""HPACK (RFC 7541) for raw HTTP/2 peers: fields are written as literals, and whatever a peer writes is read."""

# Lengths of the Huffman code by byte value, last the end of string; the code is canonical.
_LENGTHS = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30]

_STATIC = [
    (':authority', ''), (':method', 'GET'), (':method', 'POST'), (':path', '/'), (':path', '/index.html'), (':scheme', 'http'),
    (':scheme', 'https'), *((':status', code) for code in ('200', '204', '206', '304', '400', '404', '500')),
    ('accept-charset', ''), ('accept-encoding', 'gzip, deflate'),
    *((name, '') for name in (
        'accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control '
        'content-disposition content-encoding content-language content-length content-location content-range content-type '
        'cookie date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since '
        'last-modified link location max-forwards proxy-authenticate proxy-authorization range referer refresh retry-after '
        'server set-cookie strict-transport-security transfer-encoding user-agent vary via www-authenticate').split())]


def _codes():
    """(length, code) -> symbol."""
    table, code, previous = {}, 0, 0
    for length, symbol in sorted((length, symbol) for symbol, length in enumerate(_LENGTHS)):
        code <<= length - previous
        table[length, code], previous = symbol, length
        code += 1
    return table


_CODES = _codes()


def _unpack(data):
    """Huffman; the padding is ones."""
    result, code, length = bytearray(), 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            symbol = _CODES.get((length, code))
            if symbol is not None:
                result.append(symbol)
                code = length = 0
    return bytes(result)


def integer(value, bits, first=0):
    """`value` with a prefix of that many bits; `first`: what stands above the prefix."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    data, value = bytearray([first | most]), value - most
    while value >= 128:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes(data) + bytes([value])


def text(value):
    data = value if isinstance(value, bytes) else value.encode('latin-1')
    return integer(len(data), 7) + data


def encode(fields, index=False):
    """Literals, (name, value) each. index: the peer's table is to remember them."""
    return b''.join((b'\x40' if index else b'\x00') + text(name) + text(value) for name, value in fields)


class Decoder:
    def __init__(self, size=4096):
        self.table, self.most = [], size

    def decode(self, data):
        """The fields of a block, as (name, value) pairs of text."""
        self._data, self._at, fields = data, 0, []
        while self._at < len(data):
            byte = data[self._at]
            if byte & 0x80:
                fields.append(self._indexed(self._integer(7)))
            elif byte & 0xe0 == 0x20:
                self.most = self._integer(5)
                self._evict()
            else:
                index = self._integer(6 if byte & 0x40 else 4)
                name = self._indexed(index)[0] if index else self._text()
                fields.append((name, self._text()))
                if byte & 0x40:
                    self.table.insert(0, fields[-1])
                    self._evict()
        return fields

    def _evict(self):
        while sum(len(name) + len(value) + 32 for name, value in self.table) > self.most:
            self.table.pop()

    def _indexed(self, index):
        return _STATIC[index - 1] if index <= len(_STATIC) else self.table[index - len(_STATIC) - 1]

    def _integer(self, bits):
        most = (1 << bits) - 1
        value = self._data[self._at] & most
        self._at += 1
        if value < most:
            return value
        shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value += (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def _text(self):
        packed = self._data[self._at] & 0x80
        length = self._integer(7)
        data = self._data[self._at:self._at + length]
        self._at += length
        return (_unpack(data) if packed else data).decode('latin-1')
