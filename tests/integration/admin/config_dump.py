# SPDX-License-Identifier: Apache-2.0
"""/config_dump of what runs: whole, by kind, by name, masked, with endpoints."""
from harness import *

proxy = Proxy({**config(cluster('up', 1, 2), cluster('side', ('127.0.0.2', 3)), routes=[direct('/', 200)]), 'node': {'id': 'n', 'cluster': 'c'}})
ADMIN = 'type.googleapis.com/envoy.admin.v3.'


def dump(query=''):
    return proxy.admin_json('/config_dump' + query).get('configs', [])


expect([section['@type'].removeprefix(ADMIN) for section in dump()],
       ['BootstrapConfigDump', 'ClustersConfigDump', 'ListenersConfigDump', 'ScopedRoutesConfigDump', 'RoutesConfigDump', 'SecretsConfigDump'])
expect(dump()[2]['@type'], ADMIN + 'ListenersConfigDump')
expect(dump('?include_eds')[2]['@type'], ADMIN + 'EndpointsConfigDump')
(side,) = dump('?include_eds&resource=static_endpoint_configs&name_regex=s.*')
expect(side['endpoint_config']['endpoints'][0]['lb_endpoints'][0]['endpoint']['address'], {'socket_address': {'address': '127.0.0.2', 'port_value': 3}})
expect(dump('?mask=bootstrap.node.id'), [{'@type': ADMIN + 'BootstrapConfigDump', 'bootstrap': {'node': {'id': 'n'}}}])
expect([one['cluster']['name'] for one in dump('?resource=static_clusters&mask=cluster.name')], ['side', 'up'])
expect([sorted(one['cluster']) for one in dump('?resource=static_clusters&mask=cluster.name')], [['@type', 'name']] * 2)
expect(dump('?resource=dynamic_listeners'), [])
response = proxy.admin('/config_dump?mask=wheels')
expect((response.status, response.body), (400, b'FieldMask wheels could not be successfully applied to any configs.'))
expect(proxy.admin('/config_dump?resource=wheels').status, 404)
