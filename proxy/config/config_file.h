// SPDX-License-Identifier: Apache-2.0
// Reads whole files that a configuration names, and the configuration itself.
#pragma once

#include <string>

#include "shm/result.h"

namespace heirloom::config {

// Regular files and pipes. Errors: "unable to read file: PATH: REASON", also for a file of more than `max_bytes`.
Result<std::string> read_config_file(const std::string& path, size_t max_bytes);

}  // namespace heirloom::config
