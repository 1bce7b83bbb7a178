// SPDX-License-Identifier: Apache-2.0
// `server.`, `listener_manager.` and `runtime.`: what the process counts about itself, with Envoy's names. Main thread.
//
// A gauge of the segment is the sum over the generations that live. What must not be added up (uptime, epoch ...) is
// therefore shown by the live generation only: show() when it goes live, hide() when it starts to drain.
#pragma once

#include <chrono>

#include "proxy/stats/store.h"

namespace heirloom::server {

// clang-format off
#define HEIRLOOM_SERVER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(static_unknown_fields)                       \
    GAUGE(concurrency)                                   \
    GAUGE(days_until_first_cert_expiring)                \
    GAUGE(hot_restart_epoch)                             \
    GAUGE(hot_restart_generation)                        \
    GAUGE(live)                                          \
    GAUGE(memory_allocated)                              \
    GAUGE(memory_heap_size)                              \
    GAUGE(memory_physical_size)                          \
    GAUGE(parent_connections)                            \
    GAUGE(seconds_until_first_ocsp_response_expiring)    \
    GAUGE(state)                                         \
    GAUGE(total_connections)                             \
    GAUGE(uptime)                                        \
    GAUGE(version)                                       \
    HISTOGRAM(initialization_time_ms)

#define HEIRLOOM_LISTENER_MANAGER_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(listener_added)                                        \
    COUNTER(listener_create_success)                               \
    COUNTER(listener_stopped)                                      \
    GAUGE(total_listeners_active)                                  \
    GAUGE(total_listeners_draining)                                \
    GAUGE(workers_started)

#define HEIRLOOM_RUNTIME_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(deprecated_feature_use)                       \
    COUNTER(load_error)                                   \
    COUNTER(load_success)                                 \
    COUNTER(override_dir_exists)                          \
    COUNTER(override_dir_not_exists)                      \
    GAUGE(admin_overrides_active)                         \
    GAUGE(deprecated_feature_seen_since_process_start)    \
    GAUGE(num_keys)                                       \
    GAUGE(num_layers)
// clang-format on

struct ServerStats {
    HEIRLOOM_SERVER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct ListenerManagerStats {
    HEIRLOOM_LISTENER_MANAGER_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
struct RuntimeStats {
    HEIRLOOM_RUNTIME_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
ServerStats make_server_stats(stats::Registrar& registrar);
ListenerManagerStats make_listener_manager_stats(stats::Registrar& registrar);
RuntimeStats make_runtime_stats(stats::Registrar& registrar);

struct ServerFacts {
    uint32_t concurrency = 1;
    uint32_t epoch = 0;
    uint64_t state = 0;  // admin::ServerState
    std::chrono::seconds uptime{0};
    uint64_t parent_connections = 0;
    uint64_t deprecated_features = 0;            // of the configuration
    uint64_t days_until_expiration = 0;          // of the first certificate
    uint64_t seconds_until_ocsp_expiration = 0;  // of the first staple
};
void show(const ServerStats& stats, const RuntimeStats& runtime, const ServerFacts& facts);
void hide(const ServerStats& stats, const RuntimeStats& runtime);
// These add up: memory of this process.
void show_memory(const ServerStats& stats);

}  // namespace heirloom::server
