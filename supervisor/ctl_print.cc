// SPDX-License-Identifier: Apache-2.0
#include "supervisor/ctl_print.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

namespace heirloom::supervisor {

namespace json = boost::json;

namespace {

std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}
std::string text_of(const json::object& object, std::string_view key) {
    const json::value* const value = object.if_contains(key);
    return value == nullptr ? std::string() : text_of(*value);
}
int64_t number_of(const json::object& object, std::string_view key) {
    const json::value* const value = object.if_contains(key);
    return value != nullptr && value->is_number() ? value->to_number<int64_t>() : 0;
}
const json::object& object_of(const json::object& object, std::string_view key) {
    static const json::object kNothing;
    const json::value* const value = object.if_contains(key);
    return value != nullptr && value->is_object() ? value->get_object() : kNothing;
}
const json::array& array_of(const json::object& object, std::string_view key) {
    static const json::array kNothing;
    const json::value* const value = object.if_contains(key);
    return value != nullptr && value->is_array() ? value->get_array() : kNothing;
}

}  // namespace

std::string print_age(int64_t milliseconds) {
    const int64_t seconds = milliseconds / 1000;
    if (seconds < 60) return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
    if (seconds < 3600) return fmt::format("{} m {:02} s", seconds / 60, seconds % 60);
    if (seconds < 86400) return fmt::format("{} h {:02} m", seconds / 3600, seconds % 3600 / 60);
    return fmt::format("{} d {} h", seconds / 86400, seconds % 86400 / 3600);
}

std::string print_event(const json::object& line) {
    const std::string event = text_of(line, "event");
    if (event != "phase") {
        const std::string text = text_of(line, "text");
        return (text.empty() ? event : text) + "\n";
    }
    std::string details;
    for (const auto& [key, value] : line) {
        if (key == "event" || key == "phase" || key == "ms") continue;
        std::string name(key);
        std::replace(name.begin(), name.end(), '_', ' ');
        details += (details.empty() ? "" : ", ") + (name == "text" ? "" : name + " ") + text_of(value);
    }
    return fmt::format("{:8.3f} s  {:<13} {}\n", static_cast<double>(number_of(line, "ms")) / 1000,
                       text_of(line, "phase"), details);
}

std::string print_status(const json::object& status) {
    const json::object& supervisor = object_of(status, "supervisor");
    std::string text = fmt::format("heirloomd {} (pid {}), up {}, {}\n\n", text_of(supervisor, "version"),
                                   number_of(supervisor, "pid"), print_age(number_of(supervisor, "uptime_ms")),
                                   text_of(supervisor, "run_dir"));
    constexpr auto* kRow = "{:>5}  {:>8}  {:<13} {:>10} {:>12} {:>7}  {}\n";
    text += fmt::format(kRow, "EPOCH", "PID", "STATE", "AGE", "CONNECTIONS", "SHARDS", "VERSION");
    for (const json::value& each : array_of(status, "generations")) {
        if (!each.is_object()) continue;
        const json::object& generation = each.get_object();
        text += fmt::format(kRow, number_of(generation, "epoch"), number_of(generation, "pid"),
                            text_of(generation, "state"), print_age(number_of(generation, "age_ms")),
                            number_of(generation, "active_connections"), number_of(generation, "shards"),
                            text_of(generation, "version"));
    }
    if (!array_of(status, "sockets").empty()) text += "\nListening on:\n";
    for (const json::value& each : array_of(status, "sockets")) {
        if (!each.is_object()) continue;
        const json::object& socket = each.get_object();
        const int64_t shards = number_of(socket, "shards");
        text += fmt::format("  {}  {} shard{}\n", text_of(socket, "bound_name"), shards, shards == 1 ? "" : "s");
    }
    const json::object& last = object_of(status, "last_transaction");
    if (text_of(last, "result") == "error") {
        text += fmt::format("\nThe last {} failed: {}\n", text_of(last, "kind"), text_of(last, "reason"));
    }
    if (text_of(last, "result") == "running") text += fmt::format("\nA {} is under way.\n", text_of(last, "kind"));
    return text;
}

}  // namespace heirloom::supervisor
