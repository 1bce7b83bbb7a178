# SPDX-License-Identifier: Apache-2.0
"""Makes what was seen comparable, and finds where two of them differ."""
import difflib
import re

# Values that differ between any two runs.
VOLATILE = (
    (re.compile(r'^(date|last-modified): .*'), r'\1: DATE'),
    (re.compile(r'^(x-envoy-upstream-service-time): \d+$'), r'\1: N'),
    # What is left of it: to the next 50 ms.
    (re.compile(r'^(x-envoy-expected-rq-timeout-ms): (\d+)$'), lambda found: f'{found[1]}: {-(-int(found[2]) // 50) * 50}'),
    (re.compile(r'\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b'), 'UUID'),
)
# Statistics of what an exchange did; those of the process, of time and of amounts of bytes differ by nature.
COUNTED = re.compile(r'^(http\.(?!admin)|cluster\.|http1\.|http2\.|tcp\.|listener\.(?!admin))')
UNSTEADY = re.compile(r'bytes|membership|\.assignment|max_host_weight|version|lb_|\.worker_\d+\.|_active$|bind_errors|\.external\.|\.internal\.|'
                      r'circuit_breakers|original_dst|update_|upstream_cx_rx|upstream_cx_tx|workers_started|warm')


SHOWN_LINES = 24


class Difference:
    def __init__(self, topic, exchange, aspect, envoy, heirloom):
        self.topic, self.exchange, self.aspect, self.envoy, self.heirloom = topic, exchange, aspect, envoy, heirloom

    def __str__(self):
        lines = list(difflib.unified_diff(self.envoy, self.heirloom, 'envoy', 'heirloom', lineterm='', n=0))[2:]
        lines = [f'    {line[:160]}' for line in lines if not line.startswith('@@')]
        more = [f'    and {len(lines) - SHOWN_LINES} more lines'] if len(lines) > SHOWN_LINES else []
        return '\n'.join([f'{self.topic}: {self.exchange[:120]}: {self.aspect}', *lines[:SHOWN_LINES], *more])


def steady(line, ports):
    for port, name in ports.items():
        line = re.sub(rf'(?<![0-9]){port}(?![0-9])', name, line)
    for pattern, text in VOLATILE:
        line = pattern.sub(text, line)
    return line


def flat(value, ports):
    """Lists of lines as lines, an empty one between them."""
    lines = []
    for part in value if isinstance(value, list) else [value]:
        lines += [steady(line, ports) for line in (part if isinstance(part, list) else [part])]
    return lines


def counted(before, after, ports):
    lines = []
    for name, value in sorted(after.items()):
        change = value - before.get(name, 0)
        if change and COUNTED.search(name) and not UNSTEADY.search(name):
            lines.append(f'{steady(name, ports)}: {change:+d}')
    return lines


def compare(topic, name, envoy, heirloom, ports):
    """Two Seen and each one's names of ports -> the list of Differences."""
    found = []
    for aspect in ('answers', 'end', 'upstream', 'log', 'stats'):
        sides = [flat(getattr(seen, aspect), known) for seen, known in ((envoy, ports[0]), (heirloom, ports[1]))]
        if sides[0] != sides[1]:
            found.append(Difference(topic, name, aspect, *sides))
    return found
