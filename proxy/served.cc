// SPDX-License-Identifier: Apache-2.0
#include "proxy/served.h"

namespace heirloom::server {
namespace {

Status refuse(const std::string& where, const char* what) {
    return Error{where + ": " + what + " not served by this version"};
}

}  // namespace

Status check_served(const config::Snapshot& snapshot) {
    for (const config::ClusterConfig& cluster : snapshot.clusters) {
        if (cluster.http2.keepalive_interval.count() > 0 || cluster.http2.keepalive_idle_interval.count() > 0)
            return refuse("cluster '" + cluster.name + "'", "connection_keepalive is");
    }
    return Ok{};
}

}  // namespace heirloom::server
