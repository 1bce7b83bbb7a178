// SPDX-License-Identifier: Apache-2.0
#include "proxy/tcp_proxy/tcp_proxy_stats.h"

namespace heirloom::tcp_proxy {
namespace {

TcpStats make_tcp_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_TCP_STATS)
    return {HEIRLOOM_TCP_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

}  // namespace

TcpProxyStats make_tcp_proxy_stats(stats::Registrar& registrar, std::string_view listener_name,
                                   std::string_view stat_prefix, std::string_view thread) {
    return {make_tcp_stats(registrar, "tcp." + stats::sanitize(stat_prefix) + "."),
            connection_manager::make_listener_stats(registrar, listener_name),
            connection_manager::make_listener_worker_stats(registrar, listener_name, thread),
            registrar.gauge("server.total_connections")};
}

}  // namespace heirloom::tcp_proxy
