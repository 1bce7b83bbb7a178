// SPDX-License-Identifier: Apache-2.0
// Messages -> plain structs, with the checks that need the meaning. One function per message; each reports all it finds
// and returns something usable, so that reading goes on. Internal to config/.
#pragma once

#include <set>
#include <string>

#include "proxy/config/problems.h"
#include "proxy/config/snapshot.h"

namespace google::protobuf {
class Duration;
}
namespace envoy::config::core::v3 {
class Address;
class DataSource;
class SocketAddress;
}  // namespace envoy::config::core::v3
namespace envoy::config::accesslog::v3 {
class AccessLog;
}
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::listener::v3 {
class Listener;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
}
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
}

namespace heirloom::config {

struct ReadContext {
    Problems& problems;
    std::set<std::string, std::less<>> clusters;  // all names
    bool clusters_known = true;                   // false: a cluster could not be read; do not call others unknown
};

// --- read_values.cc
// At least 0 and at most 100 years, else a problem; parts of a millisecond are rounded up, so that only 0 means off.
Milliseconds read_duration(const google::protobuf::Duration& message, const Path& path, Problems& problems);
// The bytes; "" after a problem. Files are read now and not watched.
std::string read_data_source(const envoy::config::core::v3::DataSource& message, const Path& path, size_t max_bytes,
                             Problems& problems);
// May go out as (part of) a header value or a path: no control characters.
void check_header_value(const std::string& value, const Path& path, Problems& problems);
void require_text(const std::string& value, const Path& path, Problems& problems);  // not empty
std::string lower_case(std::string text);
// The upgrade_configs of a route or a connection manager: the messages differ and mean the same.
template <class List>
std::vector<UpgradeConfig> read_upgrades(const List& list, const Path& path, Problems& problems) {
    std::vector<UpgradeConfig> upgrades;
    for (int i = 0; i < list.size(); ++i) {
        const Path type = path.item("upgrade_configs", static_cast<size_t>(i)).field("upgrade_type");
        UpgradeConfig& upgrade = upgrades.emplace_back();
        upgrade.type = lower_case(list[i].upgrade_type());
        require_text(upgrade.type, type, problems);
        if (list[i].has_enabled()) upgrade.enabled = list[i].enabled().value();
        for (int before = 0; before < i; ++before) {
            if (upgrades[static_cast<size_t>(before)].type == upgrade.type) {
                problems.error(type, "Error: multiple upgrade configs with the same name: '" + upgrade.type + "'");
            }
        }
    }
    return upgrades;
}

// --- read_address.cc
// Where to listen. `unix_mode` gets pipe.mode.
shm::SocketAddress read_listen_address(const envoy::config::core::v3::Address& message, const Path& path,
                                       uint32_t* unix_mode, Problems& problems);
// Where to connect; names are allowed where `by_dns`.
void read_endpoint_address(const envoy::config::core::v3::Address& message, const Path& path, bool by_dns,
                           EndpointConfig& endpoint, Problems& problems);

// --- one file each
AccessLogConfig read_access_log(const envoy::config::accesslog::v3::AccessLog& message, const Path& path,
                                Problems& problems);
RouteTableConfig read_route_table(const envoy::config::route::v3::RouteConfiguration& message, const Path& path,
                                  ReadContext& context);
std::shared_ptr<const HttpConnectionManagerConfig> read_connection_manager(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& message,
    const Path& path, ReadContext& context);
ListenerConfig read_listener(const envoy::config::listener::v3::Listener& message, const Path& path,
                             ReadContext& context);
ClusterConfig read_cluster(const envoy::config::cluster::v3::Cluster& message, const Path& path, Problems& problems);
// Everything, and what only shows when all is known (names and addresses used twice).
void read_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& message, Problems& problems, Snapshot& snapshot);

// Deprecated fields are read here on purpose; the user is warned while the text is parsed.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

// For the many fields that are read the same way: `target` keeps its default when the field is absent.
#define READ_DURATION(message, name, path, problems, target) \
    if ((message).has_##name()) (target) = read_duration((message).name(), (path).field(#name), problems)
#define READ_WRAPPED(message, name, target) \
    if ((message).has_##name()) (target) = (message).name().value()

}  // namespace heirloom::config
