# SPDX-License-Identifier: Apache-2.0
"""Plays the same exchanges against a stock Envoy and heirloom-proxy, and tells where they differ.

A topic (a module of tests/compare/topics) has a `configuration(upstream_port)` and yields exchanges:

    def configuration(upstream): return config(cluster('up', upstream), access_log=LOG)
    def exchanges(): yield Exchange('two hosts', 'GET / HTTP/1.1\\r\\nhost: a\\r\\nhost: b\\r\\n\\r\\n')

scripts/compare plays them; tests/compare/known.py has the differences that docs/differences.md explains.
"""
