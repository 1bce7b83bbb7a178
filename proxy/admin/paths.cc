// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/paths.h"

#include <algorithm>
#include <array>

namespace heirloom::admin {

namespace {

using Kind = Parameter::Kind;

constexpr Parameter kClusters[] = {
    {"filter", "Regular expression (Google re2) for filtering clusters by name", "", Kind::text},
    {"format", "File format to use", "text, json", Kind::choice},
};
constexpr Parameter kConfigDump[] = {
    {"resource", "The resource to dump", "", Kind::text},
    {"mask",
     "The mask to apply. When both resource and mask are specified, the mask is applied to every element in the "
     "desired "
     "repeated field so that only a subset of fields are returned. The mask is parsed as a ProtobufWkt::FieldMask",
     "", Kind::text},
    {"name_regex",
     "Dump only the currently loaded configurations whose names match the specified regex. Can be used with the "
     "resource "
     "query parameter.",
     "", Kind::text},
    {"include_eds",
     "Dump currently loaded configuration including EDS. See the response definition for more information", "",
     Kind::flag},
};
constexpr Parameter kInitDump[] = {
    {"mask",
     "The desired component to dump unready targets. The mask is parsed as a ProtobufWkt::FieldMask. "
     "For example, get the unready targets of all listeners with /init_dump?mask=listener`",
     "", Kind::text},
};
constexpr Parameter kDrainListeners[] = {
    {"graceful",
     "When draining listeners, enter a graceful drain period prior to closing listeners. This behaviour and duration "
     "is "
     "configurable via server options or CLI",
     "", Kind::flag},
    {"skip_exit",
     "When draining listeners, drain the connections but never stop the listeners. The graceful parameter has no "
     "effect "
     "when this is set, since the drain period only delays stopping the listeners",
     "", Kind::flag},
    {"inboundonly",
     "Drains all inbound listeners. traffic_direction field in envoy_v3_api_msg_config.listener.v3.Listener is used to "
     "determine whether a listener is inbound or outbound.",
     "", Kind::flag},
};
constexpr Parameter kFormat[] = {
    {"format", "File format to use", "text, json", Kind::choice},
};
constexpr Parameter kLogging[] = {
    {"paths",
     "Change multiple logging levels by setting to <logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>.",
     "", Kind::text},
    {"level", "desired logging level, this will change all loggers's level",
     ", trace, debug, info, warning, error, critical, off", Kind::choice},
};
constexpr Parameter kStats[] = {
    {"usedonly", "Only include stats that have been written by system since restart", "", Kind::flag},
    {"filter", "Regular expression (Google re2) for filtering stats", "", Kind::text},
    {"invert_filter", "Invert the filter regex", "", Kind::flag},
    {"format", "Format to use", "text, html, json, prometheus", Kind::choice},
    {"pretty", "Print JSON on several lines", "", Kind::flag},
    {"type", "Stat types to include.", "All, Counters, Histograms, Gauges, TextReadouts", Kind::choice},
    {"histogram_buckets", "Histogram bucket display mode", "summary, cumulative, disjoint, detailed", Kind::choice},
    {"hidden", "How to treat hidden stats; there are none", "exclude, include, only", Kind::choice},
};
constexpr Parameter kPrometheus[] = {
    {"usedonly", "Only include stats that have been written by system since restart", "", Kind::flag},
    {"filter", "Regular expression (Google re2) for filtering stats", "", Kind::text},
    {"invert_filter", "Invert the filter regex", "", Kind::flag},
    {"text_readouts", "Render text_readouts as new gauges with value 0 (increases Prometheus data size)", "",
     Kind::flag},
    {"histogram_buckets", "Histogram bucket display mode", "cumulative, summary", Kind::choice},
};

constexpr Path kPaths[] = {
    {"/", false, "Admin home page", {}, handle_home},
    {"/certs", false, "print certs on machine", {}, handle_certs},
    {"/clusters", false, "upstream cluster status", kClusters, handle_clusters},
    {"/config_dump", false, "dump current configs", kConfigDump, handle_config_dump},
    {"/contention", false, "dump current Envoy mutex contention stats (if enabled)", {}, handle_contention},
    {"/drain_listeners", true, "drain listeners", kDrainListeners, handle_drain_listeners},
    {"/generations", false, "print the generations of the proxy and who polls which listening socket", kFormat,
     handle_generations},
    {"/healthcheck/fail", true, "cause the server to fail health checks", {}, handle_health_fail},
    {"/healthcheck/ok", true, "cause the server to pass health checks", {}, handle_health_ok},
    {"/help", false, "print out list of admin commands", {}, handle_help},
    {"/hot_restart_version", false, "print the hot restart compatibility version", {}, handle_hot_restart_version},
    {"/init_dump", false, "dump current Envoy init manager information (experimental)", kInitDump, handle_init_dump},
    {"/listeners", false, "print listener info", kFormat, handle_listeners},
    {"/logging", true, "query/change logging levels", kLogging, handle_logging},
    {"/memory", false, "print current allocation/heap usage", {}, handle_memory},
    {"/quitquitquit", true, "exit the server", {}, handle_quit},
    {"/ready", false, "print server state, return 200 if LIVE, otherwise return 503", {}, handle_ready},
    {"/reopen_logs", true, "reopen access logs", {}, handle_reopen_logs},
    {"/reset_counters", true, "reset all counters to zero", {}, handle_reset_counters},
    {"/runtime", false, "print runtime values", {}, handle_runtime},
    {"/runtime_modify",
     true,
     "Adds or modifies runtime values as passed in query parameters. To delete a previously added key, use an empty "
     "string as the value. Note that deletion only applies to overrides added via this endpoint; values loaded from "
     "disk can be modified via override but not deleted. E.g. ?key1=value1&key2=value2...",
     {},
     handle_runtime_modify},
    {"/server_info", false, "print server version/status information", {}, handle_server_info},
    {"/stats", false, "print server stats", kStats, handle_stats},
    {"/stats/prometheus", false, "print server stats in prometheus format", kPrometheus, handle_stats_prometheus},
    {"/stats/recentlookups", false, "not supported", {}, handle_recent_lookups},
    {"/stats/recentlookups/clear", true, "not supported", {}, handle_recent_lookups},
    {"/stats/recentlookups/disable", true, "not supported", {}, handle_recent_lookups},
    {"/stats/recentlookups/enable", true, "not supported", {}, handle_recent_lookups},
};

}  // namespace

std::span<const Path> paths() { return kPaths; }

const Path* find_path(std::string_view path) {
    const auto found =
        std::find_if(std::begin(kPaths), std::end(kPaths), [&](const Path& p) { return p.path == path; });
    return found == std::end(kPaths) ? nullptr : found;
}

std::string help_text() {
    std::string text = "admin commands are:\n";
    for (const Path& path : paths()) {
        text.append("  ").append(path.path).append(path.post ? " (POST): " : ": ").append(path.help).append("\n");
        for (const Parameter& parameter : path.parameters) {
            text.append("      ").append(parameter.name).append(": ").append(parameter.help);
            if (!parameter.choices.empty()) text.append("; One of (").append(parameter.choices).append(")");
            text.append("\n");
        }
    }
    return text;
}

}  // namespace heirloom::admin
