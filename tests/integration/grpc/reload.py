# SPDX-License-Identifier: Apache-2.0
"""Conversations that are open when the proxy is reloaded go on to their end; new calls are the new generation's, none is lost."""
# timeout: 120
import queue
import threading

from harness import *
from harness.grpc_peer import *

server = GrpcServer()
manager = {'drain_timeout': '1s', 'stream_idle_timeout': '0s'}
supervisor = Supervisor(config(cluster('up', server.port, **speaks('http2')), routes=[route(timeout='0s')], **manager), '--drain-time-s', '2',
                        '--parent-shutdown-time-s', '60')


class Talk:
    def __init__(self, stub):
        self.words = queue.Queue()
        self.answers = stub.chat(iter(self.words.get, None))

    def say(self, word):
        self.words.put(word)
        expect(next(self.answers), word.upper())

    def finish(self):
        self.words.put(None)
        expect((list(self.answers), self.answers.code()), ([], grpc.StatusCode.OK))


stop, losses, calls = threading.Event(), [], [0] * 4


def ask(number):
    with call(supervisor.port, retries=True) as stub:
        while not stop.is_set():
            try:
                expect(stub.unary(b'ask', timeout=20), b'ask')
                calls[number] += 1
            except Exception as error:
                losses.append(repr(error))
                return


def calls_go_on(seen):
    expect(losses, [])
    return all(now > then + 20 for now, then in zip(calls, seen))


askers = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(4)]
for asker in askers:
    asker.start()
with call(supervisor.port, retries=True) as stub:
    talks = [Talk(stub) for _ in range(20)]
    for talk in talks:
        talk.say(b'before')
    for round_number in range(3):
        seen = list(calls)
        supervisor.reload()
        for talk in talks:
            talk.say(b'after %d' % round_number)
        talks.append(Talk(stub))
        talks[-1].say(b'newly begun')
        wait_for('calls go on', lambda: calls_go_on(seen), 20)
    for talk in talks:
        talk.say(b'at last')
        talk.finish()
stop.set()
for asker in askers:
    asker.join()
expect(losses, [])
wait_for('the old generations have left', lambda: len(supervisor.generations()) == 1, 20)
