// SPDX-License-Identifier: Apache-2.0
#include "supervisor/options.h"

#include <charconv>
#include <functional>
#include <optional>

#include "shm/version.h"
#include "supervisor/run_dir.h"

namespace heirloom::supervisor {

namespace {

constexpr std::string_view kDefaultCommand[] = {"heirloom-proxy", "-c", "/etc/envoy/envoy.yaml"};

std::optional<uint32_t> to_number(std::string_view text) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// One option. `argument` empty: a flag. `apply` returns what is wrong with the value, or nothing.
struct Row {
    std::string_view name;
    std::string_view argument;
    std::string_view help;
    std::function<std::string(Options&, std::string_view)> apply;
};

auto seconds_into(std::chrono::seconds Options::*member, uint32_t least) {
    return [member, least](Options& options, std::string_view value) -> std::string {
        const auto number = to_number(value);
        if (!number || *number < least) return "a number of seconds, at least " + std::to_string(least);
        options.*member = std::chrono::seconds(*number);
        return {};
    };
}

const std::vector<Row>& rows() {
    static const std::vector<Row> kRows = {
        {"--run-dir", "DIR", "where control.sock and the lock are (default: $RUNTIME_DIRECTORY, else /run/heirloom)",
         [](Options& options, std::string_view value) -> std::string {
             if (value.empty()) return "a directory";
             options.run_dir = value;
             return {};
         }},
        {"--log-level", "LEVEL", "trace, debug, info, warning, error or off (default: info)",
         [](Options& options, std::string_view value) -> std::string {
             for (const std::string_view level : {"trace", "debug", "info", "warning", "error", "off"}) {
                 if (value != level) continue;
                 options.log_level = value;
                 return {};
             }
             return "one of trace, debug, info, warning, error, off";
         }},
        {"--initialize-timeout-s", "N", "a new generation must be ready within this time (default: 60)",
         seconds_into(&Options::initialize_timeout, 1)},
        {"--acknowledge-timeout-s", "N",
         "a generation must take over, or stop accepting, within this time (default: 10)",
         seconds_into(&Options::acknowledge_timeout, 1)},
        {"--heartbeat-timeout-s", "N",
         "a live generation that is silent for so long is logged and counted (default: 30)",
         seconds_into(&Options::heartbeat_timeout, 1)},
        {"--kill-unresponsive", "", "and killed, so that a new one takes its place",
         [](Options& options, std::string_view) -> std::string {
             options.kill_unresponsive = true;
             return {};
         }},
        {"--stop-drain-time-s", "N", "SIGTERM: connections may finish for so long (default: 10)",
         seconds_into(&Options::stop_drain_time, 0)},
        {"--terminate-grace-s", "N", "between asking a generation to exit and SIGKILL (default: 5)",
         seconds_into(&Options::terminate_grace, 0)},
        {"--ticket-key-rotation-s", "N",
         "a new key for TLS session tickets after so long, two old ones are kept; 0: never (default: 28800)",
         seconds_into(&Options::ticket_key_rotation, 0)},
        {"--version", "", "print the version and exit",
         [](Options& options, std::string_view) -> std::string {
             options.print = std::string("heirloomd ") + version_number() + " (" + version_revision() + ")\n";
             return {};
         }},
        {"--help", "", "print this text and exit",
         [](Options& options, std::string_view) -> std::string {
             options.print = help_text();
             return {};
         }},
    };
    return kRows;
}

const Row* find_row(std::string_view name) {
    for (const Row& row : rows()) {
        if (row.name == name || (row.name == "--help" && name == "-h") || (row.name == "--log-level" && name == "-l")) {
            return &row;
        }
    }
    return nullptr;
}

}  // namespace

std::string help_text() {
    std::string text =
        "Usage: heirloomd [OPTION...] [-- COMMAND [ARGUMENT...]]\n\n"
        "Runs COMMAND as generations that hand over to each other: SIGHUP or `heirloomctl reload` starts the next "
        "one.\n"
        "Default COMMAND: heirloom-proxy -c /etc/envoy/envoy.yaml\n\n";
    for (const Row& row : rows()) {
        std::string left = "  " + std::string(row.name) + (row.argument.empty() ? "" : " ") + std::string(row.argument);
        left.resize(std::max<size_t>(left.size() + 1, 30), ' ');
        text += left + std::string(row.help) + '\n';
    }
    return text +
           "\nSignals: HUP reload, TERM drain and stop, INT stop now, USR1 reopen log files.\n"
           "Exit status: 0 stopped as asked, 1 the first generation did not start or the service failed, 2 usage.\n";
}

Result<Options> parse_options(std::span<const char* const> arguments) {
    Options options;
    options.run_dir = default_run_dir();
    size_t at = 0;
    for (; at < arguments.size(); ++at) {
        const std::string_view argument = arguments[at];
        if (argument == "--") break;
        const size_t equals = argument.starts_with("--") ? argument.find('=') : std::string_view::npos;
        const std::string_view name = argument.substr(0, equals);
        const Row* const row = find_row(name);
        if (row == nullptr) {
            const bool is_option = argument.starts_with("-");
            return Error{(is_option ? "unknown option " : "unexpected argument ") + std::string(argument) +
                         (is_option ? " (see --help)" : " (the command comes after --)")};
        }
        std::string_view value;
        if (row->argument.empty()) {
            if (equals != std::string_view::npos) return Error{std::string(name) + " takes no value"};
        } else if (equals != std::string_view::npos) {
            value = argument.substr(equals + 1);
        } else if (at + 1 < arguments.size()) {
            value = arguments[++at];
        } else {
            return Error{std::string(name) + " needs a value: " + std::string(row->argument)};
        }
        const std::string wanted = row->apply(options, value);
        if (!wanted.empty()) return Error{std::string(name) + " " + std::string(value) + ": must be " + wanted};
        if (!options.print.empty()) return options;
    }
    for (++at; at < arguments.size(); ++at) options.command.emplace_back(arguments[at]);
    if (options.command.empty()) options.command.assign(std::begin(kDefaultCommand), std::end(kDefaultCommand));
    return options;
}

std::chrono::seconds parent_shutdown_time(std::span<const std::string> command) {
    constexpr std::string_view kName = "--parent-shutdown-time-s";
    std::chrono::seconds bound{900};
    for (size_t at = 0; at < command.size(); ++at) {
        std::string_view element = command[at];
        if (!element.starts_with(kName)) continue;
        element.remove_prefix(kName.size());
        std::string_view value;
        if (element.empty()) {
            if (at + 1 < command.size()) value = command[at + 1];
        } else if (element.front() == '=' || element.front() == ' ') {
            value = element.substr(std::min(element.size(), element.find_first_not_of("= ")));
        }
        if (const auto number = to_number(value)) bound = std::chrono::seconds(*number);
    }
    return bound;
}

}  // namespace heirloom::supervisor
