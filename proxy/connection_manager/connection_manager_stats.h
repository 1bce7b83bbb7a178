// SPDX-License-Identifier: Apache-2.0
// What the connection manager and its listener count, with Envoy's names. Handles only, made on the main thread. What
// can never happen in this build is not listed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/http2_codec.h"
#include "proxy/stats/store.h"

namespace heirloom::connection_manager {

// clang-format off
// `http.<stat_prefix>.`
#define HEIRLOOM_HTTP_STATS(COUNTER, GAUGE, HISTOGRAM)         \
    COUNTER(downstream_cx_total)                               \
    COUNTER(downstream_cx_http1_total)                         \
    COUNTER(downstream_cx_http2_total)                         \
    COUNTER(downstream_cx_ssl_total)                           \
    COUNTER(downstream_cx_upgrades_total)                      \
    COUNTER(downstream_cx_destroy)                             \
    COUNTER(downstream_cx_destroy_local)                       \
    COUNTER(downstream_cx_destroy_remote)                      \
    COUNTER(downstream_cx_destroy_active_rq)                   \
    COUNTER(downstream_cx_destroy_local_active_rq)             \
    COUNTER(downstream_cx_destroy_remote_active_rq)            \
    COUNTER(downstream_cx_protocol_error)                      \
    COUNTER(downstream_cx_rx_bytes_total)                      \
    COUNTER(downstream_cx_tx_bytes_total)                      \
    COUNTER(downstream_cx_drain_close)                         \
    COUNTER(downstream_cx_delayed_close_timeout)               \
    COUNTER(downstream_cx_idle_timeout)                        \
    COUNTER(downstream_cx_max_duration_reached)                \
    COUNTER(downstream_cx_max_requests_reached)                \
    COUNTER(downstream_rq_total)                               \
    COUNTER(downstream_rq_http1_total)                         \
    COUNTER(downstream_rq_http2_total)                         \
    COUNTER(downstream_rq_completed)                           \
    COUNTER(downstream_rq_1xx)                                 \
    COUNTER(downstream_rq_2xx)                                 \
    COUNTER(downstream_rq_3xx)                                 \
    COUNTER(downstream_rq_4xx)                                 \
    COUNTER(downstream_rq_5xx)                                 \
    COUNTER(downstream_rq_response_before_rq_complete)         \
    COUNTER(downstream_rq_rx_reset)                            \
    COUNTER(downstream_rq_tx_reset)                            \
    COUNTER(downstream_rq_non_relative_path)                   \
    COUNTER(downstream_rq_failed_path_normalization)           \
    COUNTER(downstream_rq_redirected_with_normalized_path)     \
    COUNTER(downstream_rq_rejected_via_ip_detection)           \
    COUNTER(downstream_rq_timeout)                             \
    COUNTER(downstream_rq_header_timeout)                      \
    COUNTER(downstream_rq_idle_timeout)                        \
    COUNTER(downstream_rq_max_duration_reached)                \
    COUNTER(downstream_rq_too_many_premature_resets)           \
    COUNTER(downstream_rq_ws_on_non_ws_route)                  \
    COUNTER(downstream_flow_control_paused_reading_total)      \
    COUNTER(downstream_flow_control_resumed_reading_total)     \
    GAUGE(downstream_cx_active)                                \
    GAUGE(downstream_cx_http1_active)                          \
    GAUGE(downstream_cx_http2_active)                          \
    GAUGE(downstream_cx_ssl_active)                            \
    GAUGE(downstream_cx_rx_bytes_buffered)                     \
    GAUGE(downstream_cx_tx_bytes_buffered)                     \
    GAUGE(downstream_cx_upgrades_active)                       \
    GAUGE(downstream_cx_http1_soft_drain)                      \
    GAUGE(downstream_rq_active)                                \
    HISTOGRAM(downstream_cx_length_ms)                         \
    HISTOGRAM(downstream_rq_time)

// `listener.<address>.`
#define HEIRLOOM_LISTENER_STATS(COUNTER, GAUGE, HISTOGRAM)     \
    COUNTER(downstream_cx_total)                               \
    COUNTER(downstream_cx_destroy)                             \
    COUNTER(downstream_cx_transport_socket_connect_timeout)    \
    GAUGE(downstream_cx_active)                                \
    HISTOGRAM(downstream_cx_length_ms)

// `listener.<address>.http.<stat_prefix>.`
#define HEIRLOOM_LISTENER_HTTP_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(downstream_rq_completed)                           \
    COUNTER(downstream_rq_1xx)                                 \
    COUNTER(downstream_rq_2xx)                                 \
    COUNTER(downstream_rq_3xx)                                 \
    COUNTER(downstream_rq_4xx)                                 \
    COUNTER(downstream_rq_5xx)

// `listener.<address>.worker_<n>.`
#define HEIRLOOM_LISTENER_WORKER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(downstream_cx_total)                               \
    GAUGE(downstream_cx_active)
// `http1.`, `http2.`
#define HEIRLOOM_UNDERSCORE_STATS(COUNTER, GAUGE, HISTOGRAM)   \
    COUNTER(dropped_headers_with_underscores)                  \
    COUNTER(requests_rejected_with_underscores_in_headers)
// clang-format on

struct HttpStats {
    HEIRLOOM_HTTP_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ListenerStats {
    HEIRLOOM_LISTENER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ListenerHttpStats {
    HEIRLOOM_LISTENER_HTTP_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct UnderscoreStats {
    HEIRLOOM_UNDERSCORE_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ListenerWorkerStats {
    HEIRLOOM_LISTENER_WORKER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

// Of whatever takes connections of the listener. Parameters as below.
ListenerStats make_listener_stats(stats::Registrar& registrar, std::string_view listener_name);
ListenerWorkerStats make_listener_worker_stats(stats::Registrar& registrar, std::string_view listener_name,
                                               std::string_view thread);

// All that one listener counts on one worker.
struct ConnectionManagerStats {
    HttpStats http;
    ListenerStats listener;
    ListenerHttpStats listener_http;
    ListenerWorkerStats worker;
    stats::Gauge total_connections;  // server.total_connections
    http::Http2Stats http2;          // `http2.`, of all listeners together, as the next two
    UnderscoreStats http1_underscores, http2_underscores;
};

// `listener_name`: the stat prefix of the listener, or its address. `thread`: "worker_0", "main_thread". Main thread;
// the first call for a listener is a few round trips to the owner of the segment.
ConnectionManagerStats make_connection_manager_stats(stats::Registrar& registrar, std::string_view listener_name,
                                                     std::string_view stat_prefix, std::string_view thread);

// rq_completed and rq_<n>xx of both trees.
void count_response(const ConnectionManagerStats& stats, uint16_t code);

}  // namespace heirloom::connection_manager
