# SPDX-License-Identifier: Apache-2.0
"""Differences that are meant or not worth mending. Each has its section, by the same name, in docs/differences.md.

A rule is a function of one difference and of all differences of its exchange, by aspect. It says whether it explains this one.
"""
import re

RULES = {}


def rule(function):
    RULES[function.__name__.replace('_', '-')] = function
    return function


def first_lines(difference):
    """How the answers begin: Envoy's, ours; '' without one."""
    return [(lines or [''])[0] for lines in (difference.envoy, difference.heirloom)] if difference else ['', '']


def is_reset(lines):
    return any(line.startswith('reset ') for line in lines)


@rule
def refused_syntax(_, exchange):
    envoy, ours = first_lines(exchange.get('answers'))
    if exchange.get('answers') and envoy.startswith(':status'):
        return is_reset(exchange['answers'].heirloom) or exchange['answers'].heirloom == ['GOAWAY 1']
    return re.match(r'HTTP/1.1 \d', envoy) and not re.match(r'HTTP/1.1 [45]', envoy) and ours.startswith(('HTTP/1.1 400', 'HTTP/1.1 502'))


@rule
def only_the_stream(_, exchange):
    answers, end = exchange.get('answers'), exchange.get('end')
    return answers and end and not answers.envoy and is_reset(answers.heirloom) and end.envoy[0] in ('eof', 'reset') and end.heirloom == ['open']


@rule
def first_error_wins(_, exchange):
    return [line[:12] for line in first_lines(exchange.get('answers'))] in (['HTTP/1.1 400', 'HTTP/1.1 426'], ['HTTP/1.1 400', 'HTTP/1.1 501'])


@rule
def details_of_refusals(difference, exchange):
    if difference.aspect != 'log' or 'answers' in exchange:
        return False
    def without_details(lines):
        return [re.sub(r' (\S+) \S+ (\d+ \d+ )', r' \1 \2', re.sub(r'^.* (HTTP/\S+ (?:400|503|200|0) )', r'\1', line)) for line in lines]
    return without_details(difference.envoy) == without_details(difference.heirloom)


@rule
def header_lines_one_by_one(difference, _):
    return difference.topic == 'route_matches' and difference.exchange.count("'x: ") == 2


@rule
def admin_answers(difference, _):
    if difference.topic != 'admin_answers':
        return False
    def kept(lines):
        text = '\n'.join(line for line in lines if not line.endswith('::rq_pending_active::0') and line != 'x-content-type-options: nosniff')
        return re.sub(r',\s*\{\s*"type": "GAUGE",\s*"name": "rq_pending_active"\s*\}', '', text)
    return kept(difference.envoy) == kept(difference.heirloom)


@rule
def m_search(_, exchange):
    return any('M-SEARCH' in line for one in exchange.values() for line in one.heirloom)


@rule
def head_without_framing(difference, _):
    return difference.aspect == 'answers' and [line for line in difference.envoy if line != 'transfer-encoding: chunked'] == difference.heirloom


@rule
def expect_without_body(difference, exchange):
    answers = exchange.get('answers')
    if not answers or answers.envoy != ['HTTP/1.1 100 Continue', *answers.heirloom]:
        return False
    return difference.aspect == 'answers' or (
        difference.aspect == 'stats' and same_without(difference, '|'.join([r'downstream_rq_(1xx|completed)', *COUNTED_OTHERWISE.values()])))


@rule
def cluster_of_a_refused_upgrade(difference, _):
    return difference.aspect == 'log' and [re.sub(r'( upgrade_failed \d+ \d+) \S+ ', r'\1 - ', line) for line in difference.envoy] == difference.heirloom


@rule
def body_behind_an_answer(difference, _):
    if difference.aspect != 'log':
        return False
    sides = [[re.sub(r'( direct_response) \d+ ', r'\1 N ', line) for line in lines] for lines in (difference.envoy, difference.heirloom)]
    return sides[0] == sides[1]


@rule
def flags_of_refused_streams(difference, _):
    if difference.aspect != 'log':
        return False
    envoy, ours = ([re.sub(rf'( HTTP/2 0) {flag} \S+ \d+ ', r'\1 ', line) for line in lines]
                   for flag, lines in (('DR', difference.envoy), ('DPE', difference.heirloom)))
    return envoy == ours


@rule
def reason_of_a_failed_connect(difference, exchange):
    answers = exchange.get('answers')
    if not answers or ', transport failure reason: ' not in ''.join(answers.envoy) or difference.aspect not in ('answers', 'log'):
        return False
    sides = [[re.sub(r'\d+', 'N', re.sub(r', transport failure reason: [^\']*', '', line)) for line in lines]
             for lines in (difference.envoy, difference.heirloom)]
    return sides[0] == sides[1]


@rule
def reset_within_an_answer(difference, exchange):
    log = exchange.get('log')
    texts = [' '.join(lines) for lines in (log.envoy, log.heirloom)] if log else ['', '']
    if ' UPE upstream_reset_after_response_started{protocol_error} ' not in texts[0] or \
            ' UC upstream_reset_after_response_started{connection_termination} ' not in texts[1]:
        return False
    return difference.aspect == 'log' or (
        difference.aspect == 'stats' and same_without(difference, '|'.join(['upstream_cx_protocol_error', *COUNTED_OTHERWISE.values()])))


@rule
def no_content_with_length(_, exchange):
    return first_lines(exchange.get('answers')) == ['HTTP/1.1 502 Bad Gateway', 'HTTP/1.1 204 No Content']


@rule
def pipelined_answers(_, exchange):
    return 'log' in exchange and any('Too_many_responses_queued' in line for line in exchange['log'].envoy)


@rule
def repetition(_, exchange):
    answers, upstream = exchange.get('answers'), exchange.get('upstream')
    return answers and upstream and any('connection termination' in line for line in answers.envoy) and \
        len(upstream.heirloom) > len(upstream.envoy)


@rule
def order_of_flags(difference, _):
    def in_order(line):
        line = re.sub(r' ([A-Z]{2,4}(?:,[A-Z]{2,4})+) ', lambda flags: f' {",".join(sorted(flags[1].split(",")))} ', line)
        return re.sub(r'(remote_connection_failure\S*) (\d+) \d+ ', r'\1 \2 N ', line)  # its text: reason-of-a-failed-connect
    return difference.aspect == 'log' and [in_order(line) for line in difference.envoy] == [in_order(line) for line in difference.heirloom]


@rule
def parts_of_a_runtime_value(difference, _):
    return difference.exchange == 'GET /runtime' and any('fields {' in line for line in difference.envoy)


@rule
def words_of_yaml_errors(difference, _):
    return difference.exchange.startswith('POST /runtime_modify') and any(line.startswith('yaml-cpp: ') for line in difference.envoy)


@rule
def panic_at_once(difference, _):
    return difference.topic == 'runtime' and difference.exchange == '/sick'


@rule
def weights_of_nothing(difference, exchange):
    log = exchange.get('log')
    return difference.topic == 'runtime' and difference.exchange == '/split' and log and ' direct_response ' in log.envoy[0]


@rule
def one_record_of_a_redirect(difference, exchange):
    if difference.topic != 'internal_redirects':
        return False
    if difference.aspect == 'verdict':
        return difference.exchange in ('code 200', 'code 304')
    if difference.aspect == 'stats':
        other = r'internal_redirect_(unsafe_scheme|bad_location)' if 'ftp:' in difference.exchange else r'downstream_rq_(http1_)?total'
        return same_without(difference, '|'.join([other, *COUNTED_OTHERWISE.values()]))
    def last(lines):
        kept = [re.sub(r' via_upstream \d+ ', ' via_upstream N ', line) for line in lines if ' internal_redirect ' not in line]
        return [re.sub(r' (302 - via_upstream N \d+) \S+ \S+ ', r' \1 ', line) for line in kept]
    return difference.aspect == 'log' and last(difference.envoy) == last(difference.heirloom)


@rule
def copies_of_requests(difference, _):
    if difference.topic != 'mirrors':
        return False
    if difference.aspect == 'verdict':
        return difference.exchange == 'bad field'
    if difference.aspect == 'stats':
        return same_without(difference, '|'.join([r'http\.async-client\.', *COUNTED_OTHERWISE.values()]))
    # The copy and the request come in any order.
    sides = [sorted(line for line in lines if not line.startswith('x-forwarded-for: ')) for lines in (difference.envoy, difference.heirloom)]
    return difference.aspect == 'upstream' and sides[0] == sides[1]


# Statistics that are counted otherwise.
COUNTED_OTHERWISE = {
    'delayed-close': r'downstream_cx_delayed_close_timeout|downstream_cx_destroy_(local|remote)',
    'ends-of-upstream-connections': r'upstream_cx_close_notify|upstream_cx_destroy_(local|remote)',
    'requests-beyond-the-limit': r'upstream_rq_(active|pending)_overflow',
    'canary': r'\.canary\.',
    'resets-by-the-library': r'^http2\.(tx_reset|rx_messaging_error)',
    'reset-of-refused-requests': r'downstream_rq_rx_reset|downstream_rq_response_before_rq_complete',
}


def same_without(difference, pattern):
    sides = [[line for line in lines if not re.search(pattern, line)] for lines in (difference.envoy, difference.heirloom)]
    return sides[0] == sides[1]


def names_of(difference, exchange):
    """The rules that explain it; an empty list when none does."""
    for name, explains in RULES.items():
        if explains(difference, exchange):
            return [name]
    if difference.aspect == 'stats' and same_without(difference, '|'.join(COUNTED_OTHERWISE.values())):
        return [name for name, pattern in COUNTED_OTHERWISE.items()
                if any(re.search(pattern, line) for line in set(difference.envoy) ^ set(difference.heirloom))]
    return []
