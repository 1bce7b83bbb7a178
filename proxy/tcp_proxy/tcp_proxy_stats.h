// SPDX-License-Identifier: Apache-2.0
// What the TCP proxy counts, with Envoy's names, beside what it counts for its listener. Handles only, made on the main
// thread. What can never happen in this build is not listed.
#pragma once

#include <string_view>

#include "proxy/connection_manager/connection_manager_stats.h"
#include "proxy/stats/store.h"

namespace heirloom::tcp_proxy {

// clang-format off
// `tcp.<stat_prefix>.`
#define HEIRLOOM_TCP_STATS(COUNTER, GAUGE, HISTOGRAM)      \
    COUNTER(downstream_cx_total)                           \
    COUNTER(downstream_cx_no_route)                        \
    COUNTER(downstream_cx_rx_bytes_total)                  \
    COUNTER(downstream_cx_tx_bytes_total)                  \
    COUNTER(downstream_flow_control_paused_reading_total)  \
    COUNTER(downstream_flow_control_resumed_reading_total) \
    COUNTER(idle_timeout)                                  \
    COUNTER(max_downstream_connection_duration)            \
    COUNTER(upstream_flush_total)                          \
    GAUGE(downstream_cx_rx_bytes_buffered)                 \
    GAUGE(downstream_cx_tx_bytes_buffered)                 \
    GAUGE(upstream_flush_active)
// clang-format on

struct TcpStats {
    HEIRLOOM_TCP_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

// All that one filter chain counts on one worker.
struct TcpProxyStats {
    TcpStats tcp;
    connection_manager::ListenerStats listener;
    connection_manager::ListenerWorkerStats worker;
    stats::Gauge total_connections;  // server.total_connections
};

// Parameters as for make_connection_manager_stats().
TcpProxyStats make_tcp_proxy_stats(stats::Registrar& registrar, std::string_view listener_name,
                                   std::string_view stat_prefix, std::string_view thread);

}  // namespace heirloom::tcp_proxy
