# SPDX-License-Identifier: Apache-2.0
"""The administrator's values end with their generation; those of the other layers are there again."""
from harness import *

one = config(routes=[{'match': {'prefix': '/', 'runtime_fraction': {'default_value': {'numerator': 0}, 'runtime_key': 'shift'}},
                      'direct_response': {'status': 201}}, direct('/', 200)])
one['layered_runtime'] = {'layers': [{'name': 'base', 'static_layer': {'other': 1}}, {'name': 'admin', 'admin_layer': {}}]}
service = Supervisor(one)
service.wait_stat('runtime.num_keys', 1)
expect(service.admin('/runtime_modify?shift=100', 'POST').status, 200)
expect(request(service.port, '/').status, 201)
service.wait_stat('runtime.admin_overrides_active', 1)
with Client(service.port) as client:
    expect(client.request('/').status, 201)
    service.reload()
    expect(request(service.port, '/').status, 200)
    # Both generations live, and one of them shows its gauges.
    service.wait_stat('runtime.admin_overrides_active', 0)
    service.wait_stat('runtime.num_keys', 1)
    expect(service.stat('runtime.num_layers'), 2)
    expect(client.request('/').status, 201)  # of the old generation, as it began
expect(service.admin_json('/runtime')['entries'], {'other': {'final_value': '1', 'layer_values': ['1', '']}})
