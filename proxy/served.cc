// SPDX-License-Identifier: Apache-2.0
#include "proxy/served.h"

namespace heirloom::server {
namespace {

// Null: nothing else was asked for.
const char* unserved_part(const config::FilterChainConfig& chain) {
    if (!chain.http) return "tcp_proxy is";
    return nullptr;
}

Status refuse(const std::string& where, const char* what) {
    return Error{where + ": " + what + " not served by this version"};
}

}  // namespace

Status check_served(const config::Snapshot& snapshot) {
    for (const config::ListenerConfig& listener : snapshot.listeners) {
        const std::string where = "listener '" + listener.name + "'";
        for (const config::FilterChainConfig& chain : listener.filter_chains) {
            if (const char* what = unserved_part(chain)) return refuse(where, what);
        }
        const char* what = listener.default_filter_chain ? unserved_part(*listener.default_filter_chain) : nullptr;
        if (what) return refuse(where, what);
    }
    for (const config::ClusterConfig& cluster : snapshot.clusters) {
        if (cluster.http2.keepalive_interval.count() > 0 || cluster.http2.keepalive_idle_interval.count() > 0)
            return refuse("cluster '" + cluster.name + "'", "connection_keepalive is");
    }
    return Ok{};
}

}  // namespace heirloom::server
