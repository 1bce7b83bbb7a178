# SPDX-License-Identifier: Apache-2.0
"""An upstream that does not speak HTTP: 502 with the flag UPE."""
from harness import *

log = f'{TMP}/access'
answers = [b'nonsense\r\n\r\n', b'HTTP/1.1 abc OK\r\n\r\n', b'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
           b'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab']
for data in answers:
    upstream = Upstream(raw(data))
    proxy = Proxy(config(cluster('up', upstream.port), access_log=[access_log(log, '%RESPONSE_CODE% %RESPONSE_FLAGS%\n')]),
                  '--file-flush-interval-msec', '50')
    response = get(proxy.port)
    expect(response.status, 502, f'{data!r}')
    expect_in(b'protocol error', response.body)
wait_for('flags in the log', lambda: open(log).read() == '502 UPE\n' * len(answers))
