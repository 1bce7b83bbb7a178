// SPDX-License-Identifier: Apache-2.0
// The command line of heirloom-proxy: Envoy's options as far as the feature exists; Envoy's others are refused by name,
// unknown ones answered as Envoy does. One table (options.cc) makes the parser and the --help text. No side effects.
#pragma once

#include <spdlog/common.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "shm/result.h"

namespace heirloom::server {

enum class Mode { serve, validate, init_only };
enum class DrainStrategy { gradual, immediate };
enum class IpVersion { v4, v6 };

// Envoy's default line shape; `%g:%#` is the source place.
extern const char* const kDefaultLogFormat;

struct Options {
    std::string config_path;  // -c, --config-path
    std::string config_yaml;  // --config-yaml; at least one of the two is not empty
    Mode mode = Mode::serve;
    uint32_t concurrency = 1;  // workers, never 0; default_concurrency() when not given
    spdlog::level::level_enum log_level = spdlog::level::info;
    std::string component_log_level;  // as given
    // The same, split. Names are not checked here: the owner of the loggers knows them ("unknown component 'X'").
    std::vector<std::pair<std::string, spdlog::level::level_enum>> component_log_levels;
    std::string log_path;  // empty: standard error
    std::string log_format = kDefaultLogFormat;
    std::string service_node, service_cluster, service_zone;  // override node.*; empty: keep
    uint32_t restart_epoch = 0;
    std::chrono::seconds drain_time{600};
    DrainStrategy drain_strategy = DrainStrategy::gradual;
    std::chrono::seconds parent_shutdown_time{900};
    std::string admin_address_path;  // empty: not written
    std::chrono::milliseconds file_flush_interval{10000};
    IpVersion local_address_ip_version = IpVersion::v4;
    bool allow_unknown_static_fields = false;
    bool disable_hot_restart = false;   // hot_restart_version is "disabled"; no hand-over, no supervisor
    bool cpuset_threads = false;        // what default_concurrency() does anyway
    std::vector<std::string> warnings;  // to be logged once logging works
};

// The program has nothing more to do: write `out` to standard output, `err` to standard error, exit with `code`.
struct Exit {
    int code = 0;
    std::string out;
    std::string err;
};

// REQUIRES: argc >= 1. Never throws, reads no file but the CPU limits.
std::variant<Options, Exit> parse_options(int argc, const char* const* argv);

// "trace" "debug" "info" "warning" "warn" "error" "critical" "off". Error: `error: invalid log level specified 'X'`.
Result<spdlog::level::level_enum> parse_log_level(std::string_view text);
// Envoy's spelling ("warning", "error").
std::string_view name_of(spdlog::level::level_enum level);

// The CPUs this process may use: the least of the affinity mask and each CPU limit on the way up its cgroup (v2 or v1),
// rounded up; at least 1.
uint32_t default_concurrency();
// The limit of `cgroup_root` (/sys/fs/cgroup) for a process whose /proc/self/cgroup reads `membership`; 0: no limit.
double cgroup_cpu_limit(const std::string& cgroup_root, std::string_view membership);

// "PROTOCOL.LAYOUT": two builds with the same text can hand over to each other; "disabled" with --disable-hot-restart.
std::string hot_restart_version(bool disabled);

}  // namespace heirloom::server
