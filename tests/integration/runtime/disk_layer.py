# SPDX-License-Identifier: Apache-2.0
"""Values on disk: read at the start, and again when the symlink is swapped; a broken tree leaves its layer out."""
import os

from harness import *


def tree(name, **values):
    for key, value in values.items():
        path = f'{TMP}/{name}/proxy/{key.replace("__", "/")}'
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(value)


def swap(name):
    os.symlink(f'{TMP}/{name}', f'{TMP}/new')
    os.rename(f'{TMP}/new', f'{TMP}/current')


def answers():
    return {request(proxy.port, '/').status for _ in range(8)}


tree('v1', routes__shift='# nobody yet\n0\n')
tree('v1', edge__routes__other='1')
tree('v2', routes__shift='100\n')
tree('v3', routes__shift='x' * ((1 << 20) + 1))
swap('v1')
shift = {'runtime_fraction': {'default_value': {'numerator': 100}, 'runtime_key': 'routes.shift'}}
one = config(routes=[{'match': {'prefix': '/', **shift}, 'direct_response': {'status': 201}}, direct('/', 200)])
disk = {'symlink_root': f'{TMP}/current', 'subdirectory': 'proxy'}
one['layered_runtime'] = {'layers': [{'name': 'disk', 'disk_layer': disk},
                                     {'name': 'edge', 'disk_layer': {**disk, 'append_service_cluster': True}}]}
proxy = Proxy(one, '--service-cluster', 'edge')
expect(proxy.admin_json('/runtime'), {'layers': ['disk', 'edge'], 'entries': {
    'edge.routes.other': {'final_value': '1', 'layer_values': ['1', '']},
    'routes.other': {'final_value': '1', 'layer_values': ['', '1']},
    'routes.shift': {'final_value': '0', 'layer_values': ['0', '']}}})
expect(answers(), {200})
expect([proxy.stat(f'runtime.{name}') for name in ('override_dir_exists', 'override_dir_not_exists')], [1, 0])
swap('v2')
proxy.wait_stat('runtime.load_success', 2)
expect(answers(), {201})
proxy.wait_stat('runtime.num_layers', 1)  # nothing for the service cluster
swap('v3')
proxy.wait_stat('runtime.load_error', 1)
expect(proxy.admin_json('/runtime'), {'layers': [], 'entries': {}})
expect(answers(), {201})  # as configured
expect_in('a runtime layer is left out', proxy.log)
swap('v1')
proxy.wait_stat('runtime.load_success', 3)
expect(answers(), {200})
proxy.end()

one['layered_runtime']['layers'][0]['disk_layer']['symlink_root'] = f'{TMP}/nowhere/current'
proxy = Proxy(one, ready=False)
expect(proxy.wait(), 1)
expect_in(f'cannot watch directory {TMP}/nowhere', proxy.log)
code, _, text = validate(one)
expect(code, 1)
expect_in(f'cannot watch directory {TMP}/nowhere: there is none', text)
