# SPDX-License-Identifier: Apache-2.0
"""text_format_source with operators; an unknown operator is a config error."""
from harness import *

log = f'{TMP}/access'
upstream = Upstream(answer(b'hello\n', headers=[('x-kind', 'fine')]))
text = '%REQ(X-A?X-B):3% %RESP(x-kind)% %REQ(missing)% %RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %BYTES_SENT% %PROTOCOL% %UPSTREAM_CLUSTER% 100%%\n'
proxy = Proxy(config(cluster('up', upstream.port), access_log=[access_log(log, text)]), '--file-flush-interval-msec', '50')
get(proxy.port, headers={'x-b': 'abcdef'})
line = wait_for('a line', lambda: open(log).read())
expect(line, 'abc fine - 200 via_upstream 6 HTTP/1.1 up 100%\n')
code, _, err = validate(config(cluster('up', 1), access_log=[access_log(log, '%NO_SUCH_OPERATOR%\n')]))
expect(code, 1)
expect_in('NO_SUCH_OPERATOR', err)
