// SPDX-License-Identifier: Apache-2.0
// The application log: spdlog in Envoy's line shape, one logger per component, all on one sink (standard error or
// --log-path). Other files use spdlog::get(COMPONENT) or the default logger, which is "main".
#pragma once

#include <spdlog/spdlog.h>

#include "proxy/options.h"
#include "shm/result.h"

namespace heirloom::server {

// Makes the loggers. Errors: a component that does not exist, a log file that cannot be opened.
Status set_up_logging(const Options& options);
// The file of --log-path, again. A failure keeps the old one and is logged.
void reopen_log();

spdlog::logger* main_log();
spdlog::logger* log_of(const char* component);

}  // namespace heirloom::server
