// SPDX-License-Identifier: Apache-2.0
#include "proxy/listener/listener_stats.h"

namespace heirloom::listener {
namespace {

TlsInspectorStats make_tls_inspector_stats(stats::Registrar& registrar) {
    const std::string prefix = "tls_inspector.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_TLS_INSPECTOR_STATS)
    return {HEIRLOOM_TLS_INSPECTOR_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ProxyVersionStats make_proxy_version_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_PROXY_VERSION_STATS)
    return {HEIRLOOM_PROXY_VERSION_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ProxyProtocolStats make_proxy_protocol_stats(stats::Registrar& registrar, const std::string& stat_prefix) {
    const std::string prefix =
        stat_prefix.empty() ? "proxy_proto." : "proxy_proto." + stats::sanitize(stat_prefix) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_PROXY_PROTOCOL_STATS)
    return {HEIRLOOM_PROXY_PROTOCOL_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)
                make_proxy_version_stats(registrar, prefix + "versions.v1."),
            make_proxy_version_stats(registrar, prefix + "versions.v2.")};
}

}  // namespace

std::string stat_name(const config::ListenerConfig& listener) {
    return listener.stat_prefix.empty() ? listener.address.to_string() : listener.stat_prefix;
}

ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view name) {
    const std::string prefix = "listener." + stats::sanitize(name) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_ACCEPT_STATS)
    return {HEIRLOOM_ACCEPT_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ListenerFilterStats make_listener_filter_stats(stats::Registrar& registrar, const config::ListenerConfig& config) {
    ListenerFilterStats made;
    if (config.tls_inspector) made.tls_inspector = make_tls_inspector_stats(registrar);
    if (config.proxy_protocol) {
        made.proxy_protocol = make_proxy_protocol_stats(registrar, config.proxy_protocol->stat_prefix);
    }
    return made;
}

}  // namespace heirloom::listener
