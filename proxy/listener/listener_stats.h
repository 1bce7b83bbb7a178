// SPDX-License-Identifier: Apache-2.0
// What a listener and its listener filters count of connections before a filter chain has taken them over, with Envoy's
// names; what comes later is in connection_manager_stats.h. Handles only, made on the main thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/snapshot.h"
#include "proxy/stats/store.h"

namespace heirloom::listener {

// clang-format off
// `listener.<address>.`
#define HEIRLOOM_ACCEPT_STATS(COUNTER, GAUGE, HISTOGRAM)       \
    COUNTER(downstream_accept_paused)                          \
    COUNTER(downstream_cx_overflow)                            \
    COUNTER(downstream_global_cx_overflow)                     \
    COUNTER(downstream_pre_cx_timeout)                         \
    COUNTER(downstream_listener_filter_remote_close)           \
    COUNTER(downstream_listener_filter_error)                  \
    COUNTER(no_filter_chain_match)                             \
    GAUGE(downstream_pre_cx_active)                            \
    HISTOGRAM(connections_accepted_per_socket_event)

// `tls_inspector.`
#define HEIRLOOM_TLS_INSPECTOR_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(client_hello_too_large)                            \
    COUNTER(tls_found)                                         \
    COUNTER(tls_not_found)                                     \
    COUNTER(alpn_found)                                        \
    COUNTER(alpn_not_found)                                    \
    COUNTER(sni_found)                                         \
    COUNTER(sni_not_found)                                     \
    HISTOGRAM(bytes_processed)

// `proxy_proto.[<stat_prefix>.]`
#define HEIRLOOM_PROXY_PROTOCOL_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(not_found_allowed)                                 \
    COUNTER(not_found_disallowed)

// `proxy_proto.[<stat_prefix>.]versions.v<n>.`
#define HEIRLOOM_PROXY_VERSION_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(found)                                             \
    COUNTER(disallowed)                                        \
    COUNTER(error)
// clang-format on

struct ListenerStats {
    HEIRLOOM_ACCEPT_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct TlsInspectorStats {
    HEIRLOOM_TLS_INSPECTOR_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ProxyVersionStats {
    HEIRLOOM_PROXY_VERSION_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ProxyProtocolStats {
    HEIRLOOM_PROXY_PROTOCOL_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
    ProxyVersionStats v1, v2;
};
struct ListenerFilterStats {
    TlsInspectorStats tls_inspector;
    ProxyProtocolStats proxy_protocol;
};

// Under which a listener counts: its stat prefix, or its address.
std::string stat_name(const config::ListenerConfig& listener);
// `name` as above.
ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view name);
// Of the filters that `config` has.
ListenerFilterStats make_listener_filter_stats(stats::Registrar& registrar, const config::ListenerConfig& config);

}  // namespace heirloom::listener
