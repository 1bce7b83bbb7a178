# SPDX-License-Identifier: Apache-2.0
"""What must be unique or must exist is checked: domains, clusters, route targets."""
from harness import *

def twice(name):
    return virtual_host(name, ['a.org'], direct('/', 200))

for value, text in ((config(cluster('up', 1), virtual_hosts=[twice('one'), twice('two')]), 'a.org'),
                    (config(cluster('up', 1), cluster('up', 2)), "duplicate cluster 'up'"),
                    (config(cluster('up', 1), virtual_hosts=[virtual_host('a', ['*'], route()), virtual_host('b', ['*'], route())]), 'wildcard'),
                    (config(cluster('other', 1)), "unknown cluster 'up'")):
    code, _, err = validate(value)
    expect(code, 1, text)
    expect_in(text, err)
