# SPDX-License-Identifier: Apache-2.0
"""A gRPC server and client by Debian's python3-grpcio; messages are plain bytes. Not part of `from harness import *`:

    from harness.grpc_peer import *     # first: goes over to the system's Python where the running one has no grpc

    server = GrpcServer()
    with call(proxy.port) as stub:
        expect(stub.unary(b'x'), b'x')
"""
import contextlib
import os
import sys
import threading
from concurrent import futures

try:
    import grpc
except ImportError:
    from .waiting import skip
    if sys.executable != '/usr/bin/python3' and os.path.exists('/usr/bin/python3'):
        os.execv('/usr/bin/python3', ['/usr/bin/python3', *sys.argv])
    skip('python3-grpcio is not installed')

from .waiting import FACTOR, expect

__all__ = ['GrpcServer', 'call', 'failure', 'grpc']


class GrpcServer:
    """test.Echo: Unary, Collect (client streams), Count (server streams), Chat (both), Hang. `fail:CODE:text` as the first
    message fails. Metadata `x-sent` comes back in front and behind. `cancelled` is set when a hanging call is given up."""

    def __init__(self):
        self.server = grpc.server(futures.ThreadPoolExecutor(64))
        self.cancelled, self.seen = threading.Event(), []
        handlers = {'Unary': grpc.unary_unary_rpc_method_handler(self._unary), 'Collect': grpc.stream_unary_rpc_method_handler(self._collect),
                    'Count': grpc.unary_stream_rpc_method_handler(self._count), 'Chat': grpc.stream_stream_rpc_method_handler(self._chat),
                    'Hang': grpc.unary_stream_rpc_method_handler(self._hang)}
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('test.Echo', handlers),))
        self.port = self.server.add_insecure_port('127.0.0.1:0')
        self.server.start()

    def _begin(self, context, message=b''):
        metadata = dict(context.invocation_metadata())
        self.seen.append((metadata, context.time_remaining()))
        sent = metadata.get('x-sent', '')
        context.send_initial_metadata((('x-front', sent),))
        context.set_trailing_metadata((('x-behind', sent),))
        if message.startswith(b'fail:'):
            _, code, text = message.decode().split(':', 2)
            context.abort(grpc.StatusCode[code], text)

    def _unary(self, message, context):
        self._begin(context, message)
        return message

    def _collect(self, messages, context):
        self._begin(context)
        return b''.join(messages)

    def _count(self, message, context):
        self._begin(context, message)
        for number in range(int(message)):
            yield b'%d' % number

    def _chat(self, messages, context):
        self._begin(context)
        for message in messages:
            yield message.upper()

    def _hang(self, message, context):
        self._begin(context)
        over = threading.Event()
        context.add_callback(lambda: (over.set(), self.cancelled.set()))  # it never ends by itself
        yield b'begun'
        over.wait(60)

    def stop(self):
        self.server.stop(0)


class Stub:
    def __init__(self, channel):
        self.unary = channel.unary_unary('/test.Echo/Unary')
        self.collect = channel.stream_unary('/test.Echo/Collect')
        self.count = channel.unary_stream('/test.Echo/Count')
        self.chat = channel.stream_stream('/test.Echo/Chat')
        self.hang = channel.unary_stream('/test.Echo/Hang')
        self.unknown = channel.unary_unary('/test.Echo/Unknown')
        self.channel = channel


@contextlib.contextmanager
def call(port, retries=False):
    """The calls of test.Echo over a connection of its own. `retries`: the library's default, which is to begin a call anew that never
    left it: a GOAWAY that it reads between choosing the connection and sending the call would end that call otherwise."""
    channel = grpc.insecure_channel(f'127.0.0.1:{port}', options=[
        ('grpc.use_local_subchannel_pool', 1), ('grpc.enable_retries', int(retries)), ('grpc.max_receive_message_length', -1)])
    try:
        yield Stub(channel)
    finally:
        channel.close()


def failure(ask, *args, **how):
    """(status, text) of a call that fails."""
    try:
        seen = ask(*args, **{'timeout': 20 * FACTOR, **how})
        if hasattr(seen, '__next__'):
            for _ in seen:
                pass
    except grpc.RpcError as error:
        return error.code().name, error.details()
    expect(True, False, 'this call had to fail')
