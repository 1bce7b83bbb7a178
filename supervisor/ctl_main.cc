// SPDX-License-Identifier: Apache-2.0
// heirloomctl: the operator's client of a running heirloomd. One table of commands.
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <span>

#include "shm/version.h"
#include "supervisor/ctl_connection.h"
#include "supervisor/ctl_print.h"
#include "supervisor/ctl_segment.h"
#include "supervisor/run_dir.h"

namespace heirloom::supervisor {
namespace {

namespace json = boost::json;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::chrono::seconds kStatusPatience{5};

struct Invocation {
    std::string run_dir = default_run_dir();
    bool as_json = false;
    std::vector<std::string> arguments;  // after the command
};

void print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);  // phases are shown as they happen, also into a pipe
}

int complain(const std::string& text) {
    std::fprintf(stderr, "heirloomctl: %s\n", text.c_str());
    return kFailed;
}

// Shows each line; the last one decides.
int follow(const Invocation& invocation, const json::object& request, bool end_is_success) {
    auto connection = CtlConnection::request(invocation.run_dir, request);
    if (!connection) return complain(connection.error().text);
    for (;;) {
        const auto line = connection->next();
        if (!line.ok()) return complain(line.error().text);
        if (!*line) return end_is_success ? 0 : complain("heirloomd closed the connection before it was done");
        const json::object& object = **line;
        if (invocation.as_json) print(json::serialize(object) + "\n");
        const json::value* const result = object.if_contains("result");
        if (result == nullptr) {
            if (!invocation.as_json) print(print_event(object));
            continue;
        }
        if (*result == "ok") {
            const json::value* const epoch = object.if_contains("epoch");
            if (!invocation.as_json && epoch != nullptr) print("epoch " + json::serialize(*epoch) + " is live\n");
            return 0;
        }
        const json::value* const reason = object.if_contains("reason");
        return complain(reason != nullptr && reason->is_string() ? std::string(reason->get_string()) : "refused");
    }
}

int reload(const Invocation& invocation) {
    const int code = follow(invocation, {{"command", "reload"}}, false);
    if (code != 0 && !invocation.as_json) std::fputs("heirloomctl: reload failed\n", stderr);
    return code;
}

int stop(const Invocation& invocation) {
    const bool now = !invocation.arguments.empty();
    return follow(invocation, {{"command", "stop"}, {"now", now}}, true);
}

int status(const Invocation& invocation) {
    auto connection = CtlConnection::request(invocation.run_dir, {{"command", "status"}});
    if (!connection) return complain(connection.error().text);
    const auto line = connection->next(kStatusPatience);
    if (!line.ok()) return complain(line.error().text);
    if (!*line) return complain("heirloomd closed the connection");
    const json::object& object = **line;
    print(invocation.as_json ? json::serialize(object) + "\n" : print_status(object));
    return 0;
}

int stats(const Invocation& invocation) {
    const auto found = find_segment(invocation.run_dir);
    if (!found.ok()) return complain(found.error().text);
    if (found.value().source != "heirloomd") std::fprintf(stderr, "(from %s)\n", found.value().source.c_str());
    const std::string filter = invocation.arguments.empty() ? std::string() : invocation.arguments.front();
    print(print_stats(*found.value().segment, filter, invocation.as_json));
    return 0;
}

struct Command {
    std::string_view name;
    std::string_view argument;  // of the one argument it may take; empty: none
    std::string_view help;
    int (*run)(const Invocation&);
};
constexpr Command kCommands[] = {
    {"reload", "", "start the next generation, wait, and show what happens; exit 0 only when it is live", reload},
    {"status", "", "generations: epoch, pid, state, age, connections, shards, version", status},
    {"stop", "[now]", "let connections finish (bounded), then end; `now`: cut them", stop},
    {"stats", "[FILTER]", "numbers whose name contains FILTER, also when no process lives", stats},
};

std::string help() {
    std::string text = "Usage: heirloomctl [--run-dir DIR] [--json] COMMAND\n\n";
    for (const Command& command : kCommands) {
        std::string left = "  " + std::string(command.name) + " " + std::string(command.argument);
        left.resize(std::max<size_t>(left.size() + 1, 20), ' ');
        text += left + std::string(command.help) + '\n';
    }
    return text +
           "\n  --run-dir DIR     of the heirloomd (default: $RUNTIME_DIRECTORY, else /run/heirloom)\n"
           "  --json            one JSON object per line\n"
           "  --version, --help\n\n"
           "Exit status: 0 done, 1 failed, 2 usage.\n";
}

int usage_error(const std::string& text) {
    std::fprintf(stderr, "heirloomctl: %s\n", text.c_str());
    return kUsage;
}

int run(std::span<const char* const> arguments) {
    Invocation invocation;
    const Command* chosen = nullptr;
    for (size_t at = 0; at < arguments.size(); ++at) {
        const std::string_view argument = arguments[at];
        if (argument == "--help" || argument == "-h") return print(help()), 0;
        if (argument == "--version") {
            return print(std::string("heirloomctl ") + version_number() + " (" + version_revision() + ")\n"), 0;
        }
        if (argument == "--json") {
            invocation.as_json = true;
        } else if (argument == "--run-dir") {
            if (at + 1 == arguments.size()) return usage_error("--run-dir needs a value: DIR");
            invocation.run_dir = arguments[++at];
        } else if (argument.starts_with("--run-dir=")) {
            invocation.run_dir = argument.substr(10);
        } else if (argument.starts_with("-")) {
            return usage_error("unknown option " + std::string(argument) + " (see --help)");
        } else if (chosen != nullptr) {
            invocation.arguments.emplace_back(argument);
        } else {
            for (const Command& command : kCommands) chosen = command.name == argument ? &command : chosen;
            if (chosen == nullptr) {
                return usage_error("unknown command " + std::string(argument) +
                                   "; there are: reload, status, stop, stats");
            }
        }
    }
    if (chosen == nullptr) return usage_error("which command? reload, status, stop or stats (see --help)");
    const size_t most = chosen->argument.empty() ? 0 : 1;
    if (invocation.arguments.size() > most) {
        return usage_error(std::string(chosen->name) + ": unexpected argument " + invocation.arguments[most]);
    }
    if (chosen->run == stop && !invocation.arguments.empty() && invocation.arguments[0] != "now") {
        return usage_error("stop: unexpected argument " + invocation.arguments[0]);
    }
    return chosen->run(invocation);
}

}  // namespace
}  // namespace heirloom::supervisor

int main(int argc, char** argv) { return heirloom::supervisor::run({argv + 1, argv + argc}); }
