// SPDX-License-Identifier: Apache-2.0
#include "proxy/options_table.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace heirloom::server {
namespace {

constexpr OptionRow kOptions[] = {
    {OptionName::config_path, 'c', "config-path", OptionKind::text, "Path to configuration file"},
    {OptionName::config_yaml, 0, "config-yaml", OptionKind::text,
     "Inline YAML configuration, merges with the contents of --config-path"},
    {OptionName::mode, 0, "mode", OptionKind::text,
     "One of 'serve' (default; validate configs and then serve traffic normally), 'validate' (validate configs and "
     "exit) or 'init_only' (validate configs, initialize and exit)."},
    {OptionName::concurrency, 0, "concurrency", OptionKind::number,
     "# of worker threads to run. Default: the CPU limit of the cgroup, else the CPUs this process may run on"},
    {OptionName::log_level, 'l', "log-level", OptionKind::text,
     "Log levels: [trace][debug][info][warning|warn][error][critical][off]. Default is [info]"},
    {OptionName::component_log_level, 0, "component-log-level", OptionKind::text,
     "Comma-separated list of component log levels. For example upstream:debug,config:trace"},
    {OptionName::log_path, 0, "log-path", OptionKind::text, "Path to logfile"},
    {OptionName::log_format, 0, "log-format", OptionKind::text,
     "Log message format in spdlog syntax. Default is \"[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v\""},
    {OptionName::service_node, 0, "service-node", OptionKind::text, "Node name"},
    {OptionName::service_cluster, 0, "service-cluster", OptionKind::text, "Cluster name"},
    {OptionName::service_zone, 0, "service-zone", OptionKind::text, "Zone name"},
    {OptionName::restart_epoch, 0, "restart-epoch", OptionKind::number, "Hot restart epoch #"},
    {OptionName::drain_time_s, 0, "drain-time-s", OptionKind::number, "Drain time in seconds. Default is 600"},
    {OptionName::drain_strategy, 0, "drain-strategy", OptionKind::text,
     "Hot restart drain sequence behaviour, one of 'gradual' (default) or 'immediate'."},
    {OptionName::parent_shutdown_time_s, 0, "parent-shutdown-time-s", OptionKind::number,
     "Seconds after which a draining generation must be gone. Default is 900"},
    {OptionName::admin_address_path, 0, "admin-address-path", OptionKind::text, "Admin address path"},
    {OptionName::local_address_ip_version, 0, "local-address-ip-version", OptionKind::text,
     "The local IP address version (v4 or v6)."},
    {OptionName::file_flush_interval_msec, 0, "file-flush-interval-msec", OptionKind::number,
     "Interval for log flushing in msec. Default is 10000"},
    {OptionName::allow_unknown_static_fields, 0, "allow-unknown-static-fields", OptionKind::flag,
     "Allow unknown fields in static configuration"},
    {OptionName::allow_unknown_fields, 0, "allow-unknown-fields", OptionKind::flag,
     "Allow unknown fields in static configuration (DEPRECATED)"},
    {OptionName::disable_hot_restart, 0, "disable-hot-restart", OptionKind::flag, "Disable hot restart functionality"},
    {OptionName::cpuset_threads, 0, "cpuset-threads", OptionKind::flag,
     "Get the default # of worker threads from cpuset size (is so anyway)"},
    {OptionName::hot_restart_version, 0, "hot-restart-version", OptionKind::flag, "Hot restart compatibility version"},
    {OptionName::version, 0, "version", OptionKind::flag, "Displays version information and exits."},
    {OptionName::help, 'h', "help", OptionKind::flag, "Displays usage information and exits."},
};

constexpr std::string_view kUnsupported[] = {
    "base-id",
    "base-id-path",
    "disable-extensions",
    "enable-core-dump",
    "enable-fine-grain-logging",
    "enable-mutex-tracing",
    "file-flush-min-size-kb",
    "ignore-unknown-dynamic-fields",
    "log-format-escaped",
    "log-stacktrace-single-entry",
    "reject-unknown-dynamic-fields",
    "skip-deprecated-logs",
    "skip-hot-restart-on-no-parent",
    "skip-hot-restart-parent-stats",
    "socket-mode",
    "socket-path",
    "stats-tag",
    "use-dynamic-base-id",
};

std::string value_name(const OptionRow& row) {
    switch (row.kind) {
        case OptionKind::flag:
            return "";
        case OptionKind::text:
            return " <string>";
        case OptionKind::number:
            return " <uint32_t>";
    }
    return "";
}

// Appends `words` in lines of at most 75 columns, each after `indent` blanks.
void append_wrapped(std::string& out, std::string_view text, size_t indent) {
    const std::string margin(indent, ' ');
    std::string line;
    const auto flush = [&] {
        if (!line.empty()) out += margin + line + "\n";
        line.clear();
    };
    while (!text.empty()) {
        const size_t blank = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, blank);
        if (!line.empty() && indent + line.size() + 1 + word.size() > 75) flush();
        line += (line.empty() ? "" : " ") + std::string(word);
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    flush();
}

}  // namespace

const OptionRow* find_option(std::string_view argument) {
    for (const OptionRow& row : kOptions) {
        if (argument == std::string("--") + row.name) return &row;
        if (row.short_name != 0 && argument == std::string("-") + row.short_name) return &row;
    }
    return nullptr;
}

const OptionRow& find_option(OptionName id) {
    const OptionRow* row =
        std::find_if(std::begin(kOptions), std::end(kOptions), [&](const OptionRow& r) { return r.id == id; });
    assert(row != std::end(kOptions) && "each OptionName has a row");
    return *row;
}

bool is_unsupported_option(std::string_view name) {
    return std::find(std::begin(kUnsupported), std::end(kUnsupported), name) != std::end(kUnsupported);
}

std::string display_name(const OptionRow& row) {
    const std::string name = std::string("(--") + row.name + ")";
    return row.short_name != 0 ? std::string("-") + row.short_name + " " + name : name;
}

std::string brief_usage_text(const std::string& program) {
    std::string options;
    for (const OptionRow& row : kOptions) {
        const std::string name = row.short_name != 0 ? std::string("-") + row.short_name : std::string("--") + row.name;
        options += (options.empty() ? "[" : " [") + name + value_name(row) + "]";
    }
    std::string out = "   " + program + " \n";
    append_wrapped(out, options + " [--]", 8);
    return out;
}

std::string usage_text(const std::string& program) {
    std::string out = "\nUSAGE: \n\n" + brief_usage_text(program) + "\n\nWhere: \n\n";
    for (const OptionRow& row : kOptions) {
        out += "   ";
        if (row.short_name != 0) out += std::string("-") + row.short_name + value_name(row) + ",  ";
        out += std::string("--") + row.name + value_name(row) + "\n";
        append_wrapped(out, row.help, 5);
        out += "\n";
    }
    out += "   --,  --ignore_rest\n     Ignores the rest of the labeled arguments following this flag.\n\n\n";
    out += "   heirloom-proxy: Envoy's options as far as the feature exists\n\n";
    return out;
}

}  // namespace heirloom::server
