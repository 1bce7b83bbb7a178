// SPDX-License-Identifier: Apache-2.0
// Command line of heirloomd: one table gives the parser, the defaults and the text of --help.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shm/result.h"

namespace heirloom::supervisor {

struct Options {
    std::string run_dir;
    std::string log_level = "info";
    std::chrono::seconds initialize_timeout{60};
    std::chrono::seconds acknowledge_timeout{10};  // of go_live and drain
    std::chrono::seconds heartbeat_timeout{30};
    bool kill_unresponsive = false;
    std::chrono::seconds stop_drain_time{10};
    std::chrono::seconds terminate_grace{5};             // between terminate and SIGKILL
    std::chrono::seconds ticket_key_rotation{8 * 3600};  // 0: never
    std::vector<std::string> command;                    // of a generation

    std::string print;  // --help or --version: print this and exit 0
};

// `arguments` without the program's name. Errors are one line, fit for the operator.
Result<Options> parse_options(std::span<const char* const> arguments);
std::string help_text();

// The bound that a generation's own command line sets to its draining: --parent-shutdown-time-s, 900 s when absent.
// Takes
// `--name N`, `--name=N` and both in one element with a blank, as the proxy does.
std::chrono::seconds parent_shutdown_time(std::span<const std::string> command);

}  // namespace heirloom::supervisor
