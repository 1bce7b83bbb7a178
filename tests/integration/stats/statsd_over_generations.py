# SPDX-License-Identifier: Apache-2.0
"""statsd hears each unit of each counter once: over a reload with a request that is not over, and over a SIGKILL."""
import os
import signal
import threading

from harness import *

sink, gate = StatsdServer(), threading.Event()


def respond(request, connection):
    answer(b'late\n', gate=gate if request.path == '/late' else None)(request, connection)


upstream = Upstream(respond)
supervisor = Supervisor({**config(cluster('up', upstream.port)), 'stats_flush_interval': '0.3s', 'stats_sinks': [statsd(sink.port)]})
TOTAL, ANSWERED = 'envoy.http.ingress.downstream_rq_total', 'envoy.http.ingress.downstream_rq_2xx'


def all_told():
    """Each counter of the listener and the cluster, of all generations, as the segment has it."""
    stats = {'envoy.' + name: value for name, value in supervisor.stats().items()}
    told = {name: value for name, value in sink.counters.items() if name.startswith(('envoy.http.ingress.', 'envoy.cluster.up.', 'envoy.listener.127'))}
    return len(told) > 20 and all(stats[name] == value for name, value in told.items())


for _ in range(10):
    get(supervisor.port)
sink.wait_counter(TOTAL, 10)
wait_for('the live generation is told', lambda: sink.gauges.get('envoy.server.live') == 1)

with Client(supervisor.port) as late:
    late.send(b'GET /late HTTP/1.1\r\nhost: a\r\n\r\n')
    wait_for('the request is upstream', lambda: any(request.path == '/late' for request in upstream.requests))
    supervisor.reload()
    for _ in range(5):
        get(supervisor.port)
    sink.wait_counter(TOTAL, 16)
    expect(sink.counters[ANSWERED], 15)
    gate.set()
    expect(late.response().body, b'late\n')
sink.wait_counter(ANSWERED, 16)  # counted by the old generation, told by the new one
wait_for('all is told once', all_told)

sink.wait_flush()
for _ in range(7):
    get(supervisor.port)
epoch = supervisor.live()['epoch']
os.kill(supervisor.live()['pid'], signal.SIGKILL)
supervisor.wait_live(epoch + 1)
sink.wait_counter(TOTAL, 23)
get(supervisor.port)
sink.wait_counter(ANSWERED, 24)
wait_for('all is told once', all_told)

# Without a sink nothing is told; what was counted meanwhile is when there is one again.
write_config(config(cluster('up', upstream.port)), supervisor.config_path)
supervisor.reload()
get(supervisor.port)
write_config({**config(cluster('up', upstream.port)), 'stats_flush_on_admin': True, 'stats_sinks': [statsd(sink.port)]}, supervisor.config_path)
supervisor.reload()
expect(sink.counters[TOTAL], 24)
supervisor.admin('/stats?filter=nothing')
sink.wait_counter(TOTAL, 25)
