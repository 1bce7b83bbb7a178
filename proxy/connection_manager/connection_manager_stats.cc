// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_manager/connection_manager_stats.h"

namespace heirloom::connection_manager {
namespace {

HttpStats make_http_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_HTTP_STATS)
    return {HEIRLOOM_HTTP_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}
ListenerHttpStats make_listener_http_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_LISTENER_HTTP_STATS)
    return {HEIRLOOM_LISTENER_HTTP_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}
UnderscoreStats make_underscore_stats(stats::Registrar& registrar, const std::string& prefix) {
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_UNDERSCORE_STATS)
    return {HEIRLOOM_UNDERSCORE_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}
std::string prefix_of(std::string_view listener_name) { return "listener." + stats::sanitize(listener_name) + "."; }

template <class Stats>
void count_class(const Stats& stats, uint16_t code) {
    stats.downstream_rq_completed.add();
    switch (code / 100) {
        case 1:
            return stats.downstream_rq_1xx.add();
        case 2:
            return stats.downstream_rq_2xx.add();
        case 3:
            return stats.downstream_rq_3xx.add();
        case 4:
            return stats.downstream_rq_4xx.add();
        case 5:
            return stats.downstream_rq_5xx.add();
    }
}

}  // namespace

ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view listener_name) {
    const std::string prefix = prefix_of(listener_name);
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_LISTENER_STATS)
    return {HEIRLOOM_LISTENER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ListenerWorkerStats make_listener_worker_stats(stats::Registrar& registrar, std::string_view listener_name,
                                               std::string_view thread) {
    const std::string prefix = prefix_of(listener_name) + std::string(thread) + ".";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_LISTENER_WORKER_STATS)
    return {HEIRLOOM_LISTENER_WORKER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ConnectionManagerStats make_connection_manager_stats(stats::Registrar& registrar, std::string_view listener_name,
                                                     std::string_view stat_prefix, std::string_view thread) {
    const std::string http = "http." + stats::sanitize(stat_prefix) + ".";
    return {make_http_stats(registrar, http),
            make_listener_stats(registrar, listener_name),
            make_listener_http_stats(registrar, prefix_of(listener_name) + http),
            make_listener_worker_stats(registrar, listener_name, thread),
            registrar.gauge("server.total_connections"),
            http::make_http2_stats(registrar, "http2."),
            make_underscore_stats(registrar, "http1."),
            make_underscore_stats(registrar, "http2.")};
}

void count_response(const ConnectionManagerStats& stats, uint16_t code) {
    count_class(stats.http, code);
    count_class(stats.listener_http, code);
}

}  // namespace heirloom::connection_manager
