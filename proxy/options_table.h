// SPDX-License-Identifier: Apache-2.0
// The table of command-line options: names, kinds, help. Parser and --help are made from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shm/segment.h"

namespace heirloom::server {

// 256: of the rows that the supervisor's segment has for a generation one is the main thread's.
inline constexpr uint32_t kMaxConcurrency = shm::SegmentOptions{}.rows - 1;

enum class OptionName {
    config_path,
    config_yaml,
    mode,
    concurrency,
    log_level,
    component_log_level,
    log_path,
    log_format,
    service_node,
    service_cluster,
    service_zone,
    restart_epoch,
    drain_time_s,
    drain_strategy,
    parent_shutdown_time_s,
    admin_address_path,
    local_address_ip_version,
    file_flush_interval_msec,
    allow_unknown_static_fields,
    allow_unknown_fields,
    disable_hot_restart,
    cpuset_threads,
    hot_restart_version,
    version,
    help,
};

enum class OptionKind { flag, text, number };

struct OptionRow {
    OptionName id;
    char short_name;  // 0: none
    const char* name;
    OptionKind kind;
    const char* help;
};

// By "--NAME" or "-C"; null: not one of ours.
const OptionRow* find_option(std::string_view argument);
const OptionRow& find_option(OptionName id);
// Is it an option of Envoy whose feature does not exist here? Without the dashes.
bool is_unsupported_option(std::string_view name);

std::string display_name(const OptionRow& row);  // "-c (--config-path)", "(--mode)"
std::string brief_usage_text(const std::string& program);
std::string usage_text(const std::string& program);

}  // namespace heirloom::server
