// SPDX-License-Identifier: Apache-2.0
// `/logging`: the levels of the loggers that spdlog knows.
#include <spdlog/spdlog.h>

#include <map>

#include "proxy/admin/paths.h"

namespace heirloom::admin {

namespace {

using Level = spdlog::level::level_enum;
using Loggers = std::map<std::string, std::shared_ptr<spdlog::logger>>;

constexpr std::pair<std::string_view, Level> kLevels[] = {
    {"trace", spdlog::level::trace},  {"debug", spdlog::level::debug}, {"info", spdlog::level::info},
    {"warning", spdlog::level::warn}, {"error", spdlog::level::err},   {"critical", spdlog::level::critical},
    {"off", spdlog::level::off},
};

std::optional<Level> level_of(std::string_view name) {
    for (const auto& [known, level] : kLevels) {
        if (known == name) return level;
    }
    return std::nullopt;
}

std::string_view name_of_level(Level level) {
    for (const auto& [name, known] : kLevels) {
        if (known == level) return name;
    }
    return "off";
}

Loggers all_loggers() {
    Loggers loggers;
    spdlog::apply_all([&](std::shared_ptr<spdlog::logger> logger) {
        const std::string& name = logger->name();
        loggers.emplace(name.empty() ? "main" : name, std::move(logger));
    });
    return loggers;
}

// What is to be set; or the error.
struct Change {
    std::string error;
    std::vector<std::pair<std::shared_ptr<spdlog::logger>, Level>> levels;
    std::optional<Level> for_all;
};

void add(Change& change, const Loggers& loggers, std::string_view name, std::string_view level_name) {
    if (name.empty() || level_name.empty()) {
        change.error = "empty logger name or empty logger level";
        return;
    }
    const std::optional<Level> level = level_of(level_name);
    const auto logger = loggers.find(std::string(name));
    if (logger == loggers.end()) {
        change.error = "unknown logger name";
    } else if (!level) {
        change.error = "unknown logger level";
    } else {
        change.levels.emplace_back(logger->second, *level);
    }
}

Change read_change(const Query& query, const Loggers& loggers) {
    Change change;
    if (query.parameters().empty()) return change;
    if (query.parameters().size() > 1) {
        change.error = "invalid number of parameters";
        return change;
    }
    const auto& [name, value] = query.parameters().front();
    if (name == "level") {
        change.for_all = level_of(value);
        if (!change.for_all) change.error = "unknown logger level";
    } else if (name == "paths") {
        std::string_view rest = value;
        do {
            const size_t comma = rest.find(',');
            const std::string_view entry = rest.substr(0, comma);
            const size_t colon = entry.find(':');
            add(change, loggers, entry.substr(0, colon),
                colon == std::string_view::npos ? std::string_view{} : entry.substr(colon + 1));
            rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        } while (!rest.empty() && change.error.empty());
    } else {
        add(change, loggers, name, value);
    }
    return change;
}

}  // namespace

void handle_logging(const Request& request, Answer& answer) {
    const Loggers loggers = all_loggers();
    const Change change = read_change(request.query, loggers);
    if (!change.error.empty()) {
        answer.status = 400;
        answer.body = "error: " + change.error +
                      "\n\n"
                      "usage: /logging?<name>=<level> (change single level)\n"
                      "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
                      "usage: /logging?level=<level> (change all levels)\n"
                      "levels: ";
        for (const auto& [name, level] : kLevels) answer.body.append(name).append(" ");
        answer.body += "\n";
    } else if (change.for_all) {
        spdlog::set_level(*change.for_all);  // also of loggers that are made later
    } else {
        for (const auto& [logger, level] : change.levels) logger->set_level(level);
    }
    answer.body += "active loggers:\n";
    for (const auto& [name, logger] : loggers) {
        answer.body.append("  ").append(name).append(": ").append(name_of_level(logger->level())).append("\n");
    }
    answer.body += "\n";
}

}  // namespace heirloom::admin
