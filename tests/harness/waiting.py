# SPDX-License-Identifier: Apache-2.0
"""Waiting for states with a deadline, expectations that say what they saw, and skipping by name."""
import os
import sys
import time

# Sanitizer builds are slower by this much.
FACTOR = 1 if os.environ.get('HEIRLOOM_BUILD', 'release').endswith('release') else 5


def wait_for(what, predicate, deadline=10):
    """Polls until predicate() is true and returns its value; fails with `what` and its last value after the deadline."""
    end = time.monotonic() + deadline * FACTOR
    while True:
        try:
            value = predicate()
        except (OSError, ValueError, KeyError, IndexError) as error:
            value, seen = None, repr(error)
        else:
            seen = value
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {deadline * FACTOR} s for: {what}; last seen: {seen!r}')
        time.sleep(0.02)


def expect(seen, wanted, what=''):
    if seen != wanted:
        raise AssertionError(f'{what or "expected"}: wanted {wanted!r}, saw {seen!r}')


def expect_in(part, whole, what=''):
    if part not in whole:
        raise AssertionError(f'{what or "expected"}: {part!r} is not in {whole!r}')


def expect_true(condition, what):
    if not condition:
        raise AssertionError(what)


def skip(reason):
    print(f'SKIP: {reason}')
    sys.exit(77)


def needs_root(why):
    if os.geteuid() != 0:
        skip(f'needs root: {why}')
