# SPDX-License-Identifier: Apache-2.0
"""json_format: sorted keys, numbers as numbers, null for what is missing, escapes; as Envoy 1.36 writes it."""
import re

from harness import *

fields = {'zeta': '%RESPONSE_CODE%', 'B': '%BYTES_SENT%', 'a': '%REQ(x-none)%', 'number': 5, 'fraction': 5.25, 'yes': True, 'nothing': None,
          'text': 'plain "q" \\ / \u00e9 \t', 'empty': '', 'mixed': 'a %RESPONSE_CODE% %REQ(x-none)%|%%', 'odd': '%REQ(x-odd)%', 'bad': '%REQ(x-bad)%',
          'list': [1, '%PROTOCOL%', '%REQ(x-none)%', {'q': '%BYTES_RECEIVED%'}], 'no list': [], 'no map': {},
          'nested': {'m': '%REQ(:method)%', 'miss': '%REQ(y)%'}, 'cut': '%REQ(x-long):5%', 'flags': '%RESPONSE_FLAGS%', 'ke"y %PROTOCOL%': 1}
expected = (b'{"B":2,"a":null,"bad":"\\u00ff\\u00c3\\u00a9\\u0022\\u005c","cut":"abcde","empty":"","flags":"-","fraction":"5.25","ke\\"y %PROTOCOL%":1,'
            b'"list":[1,"HTTP/1.1",null,{"q":0}],"mixed":"a 200 -|%","nested":{"m":"GET","miss":null},"no list":[],"no map":{},"nothing":null,'
            b'"number":5,"odd":"\xc3\xa9\\"\\\\\\t.","text":"plain \\"q\\" \\\\ / \xc3\xa9 \\t","yes":true,"zeta":200}\n')
names = ('new', 'old', 'typed', 'omit', 'text')
paths = {name: f'{TMP}/{name}' for name in names}
old, typed = access_log(paths['old']), access_log(paths['typed'])
old['typed_config']['json_format'] = fields
typed['typed_config']['typed_json_format'] = fields
logs = [access_log(paths['new'], json=fields, json_format_options={'sort_properties': True}), old, typed,
        access_log(paths['omit'], json={'a': '%REQ(x-none)%', 'b': 'x%REQ(x-none)%y', 'c': '%DURATION%%REQ(n)%', 'd': {'e': '%ROUTE_NAME%'}}, omit_empty_values=True),
        access_log(paths['text'], '%REQ(x-none)%|%RESPONSE_FLAGS%|%UPSTREAM_HOST%|%REQ(x-none):5%|%RESPONSE_DURATION%|%BYTES_SENT%\n', omit_empty_values=True)]
proxy = Proxy(config(routes=[direct('/', 200, 'hi')], access_log=logs), '--file-flush-interval-msec', '20')
with Client(proxy.port) as client:
    client.send(b'GET / HTTP/1.1\r\nhost: a\r\nx-long: abcdefgh\r\nx-odd: \xc3\xa9"\\\t.\r\nx-bad: \xff\xc3\xa9"\\\r\n\r\n')
    expect(client.response().status, 200)

def line(name):
    return wait_for('a line', lambda: open(paths[name], 'rb').read())
for name in ('new', 'old', 'typed'):
    expect(line(name), expected)
expect_true(re.fullmatch(rb'{"a":null,"b":"xy","c":"[0-9]+","d":{"e":null}}\n', line('omit')), line('omit'))
expect(line('text'), b'|-||||2\n')

def refused(fields):
    code, _, err = validate(config(routes=[direct('/', 200)], access_log=[access_log(paths['new'], json=fields)]))
    expect(code, 1)
    return err
expect_in('json_format["a"]["b"][1]: Not supported field in StreamInfo: NONE', refused({'a': {'b': [1, '%NONE%']}}))
