# SPDX-License-Identifier: Apache-2.0
"""The storm's gRPC client that is not ours: Debian's python3-grpcio as an application uses it.

    python3 -m harness.storm_grpcio --port P [--callers N] [--talkers N] [--held N] [--progress]
      callers   unary calls one after the other
      talkers   bidirectional streams of ten messages, one after the other
      held      bidirectional streams that talk until they are cut, and are then begun anew

What a GOAWAY asks for is the library's business: it finishes what was begun, connects anew and repeats what the server
says it has not seen. A loss is what it then tells its application: any status but OK, a wrong echo. But for a held
stream that had an answer: its lives are printed, because only who knows of the reloads can say whether it was cut too
early. `connections` counts how often a channel became ready, `heads` the calls whose answer began.
"""
import argparse
import json
import queue
import signal
import threading
import time

from .grpc_peer import call, grpc

TIMEOUT = 15  # seconds for one answer

parser = argparse.ArgumentParser()
parser.add_argument('--port', type=int, required=True)
parser.add_argument('--callers', type=int, default=2)
parser.add_argument('--talkers', type=int, default=2)
parser.add_argument('--held', type=int, default=2)
parser.add_argument('--progress', action='store_true')

COUNTED = ('requests', 'heads', 'messages', 'connections', 'cut', 'finished', 'refused', 'reset', 'closed_under_request', 'bad_response',
           'bad_status', 'timeout')
FAILURES = COUNTED[COUNTED.index('refused'):]
counts, lives, latencies = dict.fromkeys(COUNTED, 0), [], []
lock, stop = threading.Lock(), threading.Event()


class WrongEcho(Exception):
    pass


def count(name):
    with lock:
        counts[name] += 1


def fail(error):
    """Counts a loss by how it showed, and says what it was."""
    print(f'lost: {error!r}', flush=True)
    if isinstance(error, WrongEcho):
        return count('bad_response')
    text = error.details() or ''
    if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
        return count('timeout')
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return count('reset' if 'reset' in text else 'refused' if 'refused' in text else 'closed_under_request')
    count('bad_status')


def caller(stub):
    number = 0
    while not stop.is_set():
        number += 1
        begin = time.monotonic()
        try:
            if stub.unary(b'%d' % number, timeout=TIMEOUT) != b'%d' % number:
                raise WrongEcho(number)
            count('heads')
            count('requests')
            latencies.append(time.monotonic() - begin)
        except (grpc.RpcError, WrongEcho) as error:
            fail(error)
        time.sleep(0.002)  # the load's rhythm


def talk(stub, messages):
    """One stream; `messages`: how many, None: until it is cut or the end is near. True when the answer had begun."""
    words, begun = queue.Queue(), False
    answers = stub.chat(iter(words.get, None))
    try:
        said = 0
        while said != messages and not (messages is None and stop.is_set()):
            said += 1
            words.put(b'%d' % said)
            word = next(answers)
            if not begun:
                begun = True
                count('heads')
            if word != b'%d' % said:
                raise WrongEcho(said)
            count('messages')
            time.sleep(0.02)
        words.put(None)
        if next(answers, None) is not None:
            raise WrongEcho('behind the end')
        count('requests')
        count('finished')
    except StopIteration:
        fail(WrongEcho('an end before the client\'s'))
    except WrongEcho as error:
        fail(error)
    except grpc.RpcError as error:
        if messages is None and begun and 'reset by peer' not in (error.details() or ''):
            count('requests')
            count('cut')
            return True
        fail(error)
    finally:
        words.put(None)  # the library's thread waits for it
    return False


def talker(stub):
    while not stop.is_set():
        talk(stub, 10)


def holder(stub):
    while not stop.is_set():
        begin = time.monotonic()
        if talk(stub, None):
            with lock:
                lives.append([begin, time.monotonic()])


def work(task, port):
    with call(port) as stub:
        stub.channel.subscribe(lambda state: count('connections') if state == grpc.ChannelConnectivity.READY else None)
        task(stub)


def report(final):
    with lock:
        line = {'final': final, 'failures': sum(counts[name] for name in FAILURES), **counts}
        if final:
            took = sorted(latencies) or [0]
            line.update({name: round(took[min(int(len(took) * share), len(took) - 1)] * 1000, 2)
                         for name, share in (('p50_ms', 0.5), ('p99_ms', 0.99), ('max_ms', 1))}, lives=lives)
    print(json.dumps(line), flush=True)


def main():
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [threading.Thread(target=work, args=(task, options.port))
               for task, number in ((caller, options.callers), (talker, options.talkers), (holder, options.held)) for _ in range(number)]
    for thread in threads:
        thread.start()
    while not stop.wait(0.2):
        if options.progress:
            report(False)
    for thread in threads:
        thread.join()
    report(True)


if __name__ == '__main__':
    main()
