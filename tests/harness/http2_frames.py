# SPDX-License-Identifier: Apache-2.0
"""Frames of HTTP/2 (RFC 9113) by hand, for raw clients and scripted upstreams: nothing here keeps anybody from nonsense."""
import struct
from typing import NamedTuple

from . import hpack

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, HAS_PRIORITY = 4, 8, 32
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
ENABLE_CONNECT_PROTOCOL = 8
(NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR,
 REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM) = range(12)
EVERY_STREAM = 0x7fffffff


class Frame(NamedTuple):
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def ends_stream(self):
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    def number(self, at=0):
        return struct.unpack_from('>I', self.payload, at)[0]


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>I', len(payload))[1:] + struct.pack('>BBI', kind, flags, stream) + payload


def take_frame(data):
    """(the first frame or None, the rest)."""
    if len(data) < 9:
        return None, data
    end = 9 + int.from_bytes(data[:3], 'big')
    if len(data) < end:
        return None, data
    return Frame(data[3], data[4], int.from_bytes(data[5:9], 'big') & EVERY_STREAM, bytes(data[9:end])), data[end:]


def body_of(one):
    """The bytes of a DATA frame, or the block of a HEADERS frame, without padding and priority."""
    payload = one.payload
    if one.flags & PADDED:
        payload = payload[1:len(payload) - payload[0]]
    return payload[5:] if one.type == HEADERS and one.flags & HAS_PRIORITY else payload


def data(stream, payload=b'', end=False):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def headers(stream, fields, end=False):
    """A list of fields, or a block as it is; in one frame, however large."""
    block = fields if isinstance(fields, bytes) else hpack.encode(fields)
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block)


def settings(values=None, ack=False):
    return frame(SETTINGS, ACK if ack else 0, 0, b''.join(struct.pack('>HI', *one) for one in (values or {}).items()))


def ping(payload=bytes(8), ack=False):
    return frame(PING, ACK if ack else 0, 0, payload)


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack('>I', code))


def window_update(stream, bytes_more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack('>I', bytes_more))


def goaway(last, code=NO_ERROR):
    return frame(GOAWAY, 0, 0, struct.pack('>II', last, code))


def priority(stream, on=0, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack('>IB', on, weight))
