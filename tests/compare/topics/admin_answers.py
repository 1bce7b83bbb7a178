# SPDX-License-Identifier: Apache-2.0
"""The admin interface: /stats in its forms with configured tags and buckets, /config_dump with masks, clusters, listeners."""
from compare.exchange import Ask, Exchange, Verdict
from harness import cluster, config, direct, route

COUNTED = '^(cluster.up.upstream_rq_(200|2xx|completed|total)|http.ingress.downstream_rq_(2xx|total)|listener.127[^a-z]*http.ingress.downstream_rq_2xx)$'
TIMES = '^http.ingress.downstream_rq_time$'
STATS = {'stats_tags': [{'tag_name': 'site', 'fixed_value': 'a"b'}, {'tag_name': 'side', 'regex': r'\.((up|down)stream_)'},
                        {'tag_name': 'mine', 'regex': r'^cluster\.((u)p\.)'}, {'tag_name': 'envoy.cluster_name', 'regex': r'((nothing)here)'}],
         'stats_matcher': {'exclusion_list': {'patterns': [{'suffix': '.BIND_ERRORS', 'ignore_case': True}, {'prefix': 'cluster.up.upstream_flow_'},
                                                           {'safe_regex': {'regex': r'http\.ingress\.downstream_rq_[45]xx'}}, {'contains': '_cx_destroy_'}]}},
         'histogram_bucket_settings': [{'match': {'suffix': 'downstream_rq_time'}, 'buckets': [60000, 7]}]}


def configuration(upstream, log):
    return {**config(cluster('up', upstream), access_log=log, routes=[direct('/direct', 200, 'x'), route('/')]),
            'node': {'id': 'n', 'cluster': 'c'}, 'stats_config': STATS}


def request(path):
    return Exchange(path, f'GET {path} HTTP/1.1\r\nhost: a\r\n\r\n')


def with_stats(**fields):
    return {**config(cluster('up', 1)), 'stats_config': fields}


def with_sink(kind, **fields):
    sink = {'name': 's', 'typed_config': {'@type': 'type.googleapis.com/envoy.config.metrics.v3.' + kind, **fields}}
    return {**config(cluster('up', 1)), 'stats_sinks': [sink]}


UDP = {'socket_address': {'protocol': 'UDP', 'address': '127.0.0.1', 'port_value': 8125}}
VERDICTS = {
    'no pattern': with_stats(stats_matcher={'exclusion_list': {}}), 'no matcher': with_stats(stats_matcher={}),
    'empty pattern': with_stats(stats_matcher={'exclusion_list': {'patterns': [{'prefix': ''}]}}),
    'own tag without regex': with_stats(stats_tags=[{'tag_name': 'mine'}]), 'known tag without regex': with_stats(stats_tags=[{'tag_name': 'envoy.cluster_name'}]),
    'tag without name': with_stats(stats_tags=[{'regex': '(a)'}]), 'known tag twice': with_stats(stats_tags=[{'tag_name': 'envoy.cluster_name', 'regex': '(a)'}] * 2),
    'broken tag': with_stats(stats_tags=[{'tag_name': 'a', 'regex': '('}]),
    'bucket 0': with_stats(histogram_bucket_settings=[{'match': {'prefix': 'a'}, 'buckets': [0]}]),
    'bucket twice': with_stats(histogram_bucket_settings=[{'match': {'prefix': 'a'}, 'buckets': [1, 1]}]),
    'buckets for all': with_stats(histogram_bucket_settings=[{'buckets': [1]}]),
    'statsd': with_sink('StatsdSink', address=UDP), 'statsd to nowhere': with_sink('StatsdSink'), 'statsd to a name': with_sink('StatsdSink', address={'socket_address': {'address': 'a.b', 'port_value': 1}}),
    'statsd by TCP without node': with_sink('StatsdSink', tcp_cluster_name='up'), 'unknown cluster': {**with_sink('StatsdSink', tcp_cluster_name='nope'), 'node': {'id': 'n', 'cluster': 'c'}},
    'statsd by TCP': {**with_sink('StatsdSink', tcp_cluster_name='up'), 'node': {'id': 'n', 'cluster': 'c'}},
    'dog_statsd': with_sink('DogStatsdSink', address=UDP, max_bytes_per_datagram=10), 'dog_statsd of 0 bytes': with_sink('DogStatsdSink', address=UDP, max_bytes_per_datagram=0),
    'flush on admin': {**config(cluster('up', 1)), 'stats_flush_on_admin': True}, 'no flush on admin': {**config(cluster('up', 1)), 'stats_flush_on_admin': False},
}


def exchanges(options):
    for path in ('/', '/direct', '/'):
        yield request(path)
    for query in (f'filter={COUNTED}', f'filter={COUNTED}&usedonly', f'filter={COUNTED}&format=json', f'filter={COUNTED}&format=prometheus',
                  'filter=bind_errors|^cluster.up.upstream_flow_|http.ingress.downstream_rq_[345]xx|_cx_destroy_', f'filter={COUNTED}&hidden=include',
                  'type=Dials', 'filter=(', 'histogram_buckets=nope'):
        yield Ask(f'/stats?{query}')
    for query in (f'filter={COUNTED}', f'filter={COUNTED}&usedonly&text_readouts', 'histogram_buckets=disjoint', 'histogram_buckets=nope'):
        yield Ask(f'/stats/prometheus?{query}')
    for query in ('mask=bootstrap.node.id', 'mask=wheels', 'mask=version_info', 'mask=static_listeners.listener', 'mask=bootstrap,static_clusters', 'resource=static_clusters&mask=cluster.name',
                  'resource=static_clusters&mask=cluster', 'resource=static_clusters&name_regex=u.*&mask=cluster.type', 'resource=static_clusters&mask=cluster.wheels', 'resource=wheels', 'resource=bootstrap', 'resource=dynamic_listeners',
                  'resource=static_endpoint_configs&include_eds', 'resource=static_endpoint_configs', 'name_regex=('):
        yield Ask(f'/config_dump?{query}')
    for path in ('/clusters', '/clusters?format=json', '/listeners', '/listeners?format=json', '/init_dump', '/init_dump?mask=listener', '/contention'):
        yield Ask(path)
    for name, bootstrap in VERDICTS.items():
        yield Verdict(name, bootstrap)
