// SPDX-License-Identifier: Apache-2.0
// heirloomd: argv -> Options -> Supervisor -> exit code.
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdio>

#include "supervisor/options.h"
#include "supervisor/supervisor.h"

int main(int argc, char** argv) {
    using namespace heirloom::supervisor;
    auto options = parse_options({argv + 1, argv + argc});
    if (!options) {
        std::fprintf(stderr, "heirloomd: %s\n", options.error().text.c_str());
        return 2;
    }
    if (!options->print.empty()) {
        std::fputs(options->print.c_str(), stdout);
        return 0;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_st("main"));
    spdlog::set_level(spdlog::level::from_str(options->log_level));
    spdlog::set_pattern("[%Y-%m-%d %H:%M:%S.%e][%P][%l][supervisor] %v");
    return Supervisor(std::move(*options)).run();
}
