// SPDX-License-Identifier: Apache-2.0
#include "proxy/server_stats.h"

#include <malloc.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>

#include "shm/version.h"

namespace heirloom::server {
namespace {

uint64_t resident_bytes() {
    unsigned long total = 0;
    unsigned long resident = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
        if (std::fscanf(file, "%lu %lu", &total, &resident) != 2) resident = 0;
        std::fclose(file);
    }
    return uint64_t{resident} * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// The first six hex digits of the revision, as Envoy shows a version in a number.
uint64_t version_as_number() {
    const char* revision = version_revision();
    uint64_t number = 0;
    std::from_chars(revision, revision + std::min<size_t>(6, std::strlen(revision)), number, 16);
    return number;
}

}  // namespace

ServerStats make_server_stats(stats::Registrar& registrar) {
    const std::string prefix = "server.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_SERVER_STATS)
    return {HEIRLOOM_SERVER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

ListenerManagerStats make_listener_manager_stats(stats::Registrar& registrar) {
    const std::string prefix = "listener_manager.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_LISTENER_MANAGER_STATS)
    return {HEIRLOOM_LISTENER_MANAGER_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

RuntimeStats make_runtime_stats(stats::Registrar& registrar) {
    const std::string prefix = "runtime.";
    HEIRLOOM_PREFETCH(registrar, prefix, HEIRLOOM_RUNTIME_STATS)
    return {HEIRLOOM_RUNTIME_STATS(HEIRLOOM_MAKE_COUNTER, HEIRLOOM_MAKE_GAUGE, HEIRLOOM_MAKE_HISTOGRAM)};
}

void show(const ServerStats& stats, const RuntimeStats& runtime, const ServerFacts& facts) {
    runtime.deprecated_feature_seen_since_process_start.set(facts.deprecated_features);
    stats.concurrency.set(facts.concurrency);
    stats.days_until_first_cert_expiring.set(facts.days_until_expiration);
    stats.seconds_until_first_ocsp_response_expiring.set(facts.seconds_until_ocsp_expiration);
    stats.hot_restart_epoch.set(facts.epoch);
    stats.hot_restart_generation.set(facts.epoch + 1);
    stats.live.set(facts.state == 0 ? 1 : 0);
    stats.state.set(facts.state);
    stats.uptime.set(static_cast<uint64_t>(facts.uptime.count()));
    stats.parent_connections.set(facts.parent_connections);
    stats.version.set(version_as_number());
}

void hide(const ServerStats& stats, const RuntimeStats& runtime) {
    runtime.deprecated_feature_seen_since_process_start.set(0);
    for (const stats::Gauge& gauge :
         {stats.concurrency, stats.days_until_first_cert_expiring, stats.hot_restart_epoch,
          stats.hot_restart_generation, stats.live, stats.state, stats.uptime, stats.parent_connections, stats.version,
          stats.seconds_until_first_ocsp_response_expiring}) {
        gauge.set(0);
    }
}

void show_memory(const ServerStats& stats) {
    const struct mallinfo2 info = ::mallinfo2();
    stats.memory_allocated.set(info.uordblks + info.hblkhd);
    stats.memory_heap_size.set(info.arena + info.hblkhd);
    stats.memory_physical_size.set(resident_bytes());
}

}  // namespace heirloom::server
