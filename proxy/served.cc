// SPDX-License-Identifier: Apache-2.0
#include "proxy/served.h"

namespace heirloom::server {
namespace {

bool matches_all(const config::FilterChainMatch& match) {
    return !match.destination_port && match.prefix_ranges.empty() && match.server_names.empty() &&
           match.transport_protocol.empty() && match.application_protocols.empty() &&
           match.direct_source_prefix_ranges.empty() &&
           match.source_type == config::FilterChainMatch::SourceType::any && match.source_prefix_ranges.empty() &&
           match.source_ports.empty();
}

// One filter chain for all connections is served. Null: nothing else was asked for.
const char* unserved_part(const config::ListenerConfig& listener) {
    if (listener.filter_chains.size() != 1 || listener.default_filter_chain) return "several filter chains are";
    const config::FilterChainConfig& chain = listener.filter_chains[0];
    if (!chain.http) return "tcp_proxy is";
    if (chain.http->http2.keepalive_interval.count() > 0) return "connection_keepalive is";
    if (!matches_all(chain.match)) return "filter_chain_match is";
    if (listener.proxy_protocol) return "proxy_protocol is";
    if (listener.tls_inspector) return "tls_inspector is";
    return nullptr;
}

Status refuse(const std::string& where, const char* what) {
    return Error{where + ": " + what + " not served by this version"};
}

}  // namespace

Status check_served(const config::Snapshot& snapshot) {
    for (const config::ListenerConfig& listener : snapshot.listeners) {
        if (const char* what = unserved_part(listener)) return refuse("listener '" + listener.name + "'", what);
    }
    for (const config::ClusterConfig& cluster : snapshot.clusters) {
        if (cluster.http2.keepalive_interval.count() > 0)
            return refuse("cluster '" + cluster.name + "'", "connection_keepalive is");
    }
    return Ok{};
}

}  // namespace heirloom::server
