// SPDX-License-Identifier: Apache-2.0
// The stats of a cluster (`cluster.<name>.`) and of all clusters, with Envoy's names and meanings. Handles only: made
// once on the main thread, read by every worker, each of which writes its own cells. What can never happen here is not
// listed.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "proxy/config/snapshot.h"
#include "proxy/http/http2_codec.h"
#include "proxy/stats/store.h"

namespace heirloom::upstream {

// clang-format off
#define HEIRLOOM_CLUSTER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(upstream_cx_total)                            \
    COUNTER(upstream_cx_http1_total)                      \
    COUNTER(upstream_cx_http2_total)                      \
    COUNTER(upstream_cx_connect_fail)                     \
    COUNTER(upstream_cx_connect_timeout)                  \
    COUNTER(upstream_cx_connect_attempts_exceeded)        \
    COUNTER(upstream_cx_idle_timeout)                     \
    COUNTER(upstream_cx_max_requests)                     \
    COUNTER(upstream_cx_max_duration_reached)             \
    COUNTER(upstream_cx_overflow)                         \
    COUNTER(upstream_cx_none_healthy)                     \
    COUNTER(upstream_cx_close_notify)                     \
    COUNTER(upstream_cx_protocol_error)                   \
    COUNTER(upstream_cx_destroy)                          \
    COUNTER(upstream_cx_destroy_local)                    \
    COUNTER(upstream_cx_destroy_remote)                   \
    COUNTER(upstream_cx_destroy_with_active_rq)           \
    COUNTER(upstream_cx_destroy_local_with_active_rq)     \
    COUNTER(upstream_cx_destroy_remote_with_active_rq)    \
    COUNTER(upstream_cx_rx_bytes_total)                   \
    COUNTER(upstream_cx_tx_bytes_total)                   \
    COUNTER(upstream_rq_total)                            \
    COUNTER(upstream_rq_active_overflow)                  \
    COUNTER(upstream_rq_cancelled)                        \
    COUNTER(upstream_rq_maintenance_mode)                 \
    COUNTER(upstream_rq_timeout)                          \
    COUNTER(upstream_rq_rx_reset)                         \
    COUNTER(upstream_rq_tx_reset)                         \
    COUNTER(upstream_rq_pending_total)                    \
    COUNTER(upstream_rq_pending_overflow)                 \
    COUNTER(upstream_rq_pending_failure_eject)            \
    COUNTER(upstream_rq_retry)                            \
    COUNTER(upstream_rq_retry_success)                    \
    COUNTER(upstream_rq_retry_overflow)                   \
    COUNTER(upstream_rq_retry_limit_exceeded)             \
    COUNTER(upstream_rq_retry_backoff_exponential)        \
    COUNTER(upstream_rq_retry_backoff_ratelimited)        \
    COUNTER(upstream_rq_per_try_timeout)                  \
    COUNTER(upstream_rq_per_try_idle_timeout)             \
    COUNTER(upstream_rq_max_duration_reached)             \
    COUNTER(upstream_internal_redirect_failed_total)      \
    COUNTER(upstream_internal_redirect_succeeded_total)   \
    COUNTER(retry_or_shadow_abandoned)                    \
    COUNTER(upstream_flow_control_paused_reading_total)   \
    COUNTER(upstream_flow_control_resumed_reading_total)  \
    COUNTER(upstream_flow_control_backed_up_total)        \
    COUNTER(upstream_flow_control_drained_total)          \
    COUNTER(lb_healthy_panic)                             \
    COUNTER(membership_change)                            \
    COUNTER(update_attempt)                               \
    COUNTER(update_success)                               \
    COUNTER(update_failure)                               \
    COUNTER(update_empty)                                 \
    COUNTER(update_no_rebuild)                            \
    GAUGE(upstream_cx_active)                             \
    GAUGE(upstream_rq_active)                             \
    GAUGE(upstream_rq_pending_active)                     \
    GAUGE(membership_total)                               \
    GAUGE(membership_healthy)                             \
    GAUGE(membership_degraded)                            \
    GAUGE(membership_excluded)                            \
    GAUGE(max_host_weight)                                \
    HISTOGRAM(upstream_cx_connect_ms)                     \
    HISTOGRAM(upstream_cx_length_ms)                      \
    HISTOGRAM(upstream_rq_per_cx)

// `cluster.<name>.circuit_breakers.default.`: 1 while the limit is reached.
#define HEIRLOOM_CIRCUIT_BREAKER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    GAUGE(cx_open)                                                \
    GAUGE(rq_pending_open)                                        \
    GAUGE(rq_open)                                                \
    GAUGE(rq_retry_open)

// `cluster_manager.`
#define HEIRLOOM_CLUSTER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(cluster_added)                                        \
    GAUGE(active_clusters)                                        \
    GAUGE(warming_clusters)

// `dns.cares.`
#define HEIRLOOM_DNS_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(resolve_total)                            \
    COUNTER(not_found)                                \
    COUNTER(get_addr_failure)                         \
    COUNTER(timeouts)                                 \
    GAUGE(pending_resolutions)
// clang-format on

struct CircuitBreakerStats {
    HEIRLOOM_CIRCUIT_BREAKER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ClusterManagerStats {
    HEIRLOOM_CLUSTER_MANAGER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct DnsStats {
    HEIRLOOM_DNS_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};

// One set of `upstream_rq_<code>`, `upstream_rq_<N>xx`, `upstream_rq_unknown`, `upstream_rq_completed`,
// `upstream_rq_time`. It exists for the cluster itself, again under `external.` or `internal.`, by where the request
// came from, and, without the time, under `retry.` for responses that no client saw as the request was tried again.
struct ResponseCodeStats {
    stats::CodeCounter by_code;
    std::array<stats::Counter, 5> by_class;  // [0] = 1xx
    stats::Counter unknown;                  // 600 and above
    stats::Counter completed;
    stats::Histogram time;

    // Call once per finished response or local reply that stands for an upstream one.
    void count(uint16_t code) const {
        completed.add();
        if (code < 100 || code >= 600) return unknown.add();
        by_code.add(code);
        by_class[code / 100u - 1u].add();
    }
};

struct ClusterTable {
    HEIRLOOM_CLUSTER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ClusterStats : ClusterTable {
    CircuitBreakerStats circuit_breakers;
    ResponseCodeStats response_codes;
    ResponseCodeStats external;
    ResponseCodeStats internal;  // where nobody is internal it goes nowhere
    ResponseCodeStats retry;     // where no route has a retry policy it goes nowhere
    http::Http2Stats http2;      // of a cluster that never speaks HTTP/2 they go nowhere

    void count_response(uint16_t code, bool from_inside = false) const {
        response_codes.count(code);
        (from_inside ? internal : external).count(code);
    }
    void record_time(uint64_t milliseconds, bool from_inside = false) const {
        response_codes.time.record(milliseconds);
        (from_inside ? internal : external).time.record(milliseconds);
    }
};

// Registers everything under `cluster.<stat_name>.`, in one batch. Main thread.
ClusterStats make_cluster_stats(stats::Registrar& registrar, const config::ClusterConfig& config);
ClusterManagerStats make_cluster_manager_stats(stats::Registrar& registrar);
DnsStats make_dns_stats(stats::Registrar& registrar);

}  // namespace heirloom::upstream
