# SPDX-License-Identifier: Apache-2.0
"""JSON by file name, --config-yaml alone and merged over -c, a single value for a list, enum names in any case."""
import json

from harness import *

path = write_config(json.dumps(config(routes=[direct('/', 200, 'json')])), f'{TMP}/config.json')
proxy = Proxy.__new__(Proxy)
proxy.admin_address_path = f'{TMP}/admin-json'
Program.__init__(proxy, [binary('heirloom-proxy'), '-c', path, '--config-yaml', 'node: {id: merged}', '--admin-address-path',
                         proxy.admin_address_path])
proxy.wait_ready()
expect(get(proxy.port).body, b'json')
expect(proxy.admin_json('/server_info')['node']['id'], 'merged')
value = to_yaml(config(cluster('up', 1))).replace('"STATIC"', 'static')
expect(validate(value)[0], 0)
single = config(cluster('up', 1))
single['static_resources']['clusters'] = single['static_resources']['clusters'][0]
expect(validate(single)[0], 0)
