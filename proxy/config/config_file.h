// SPDX-License-Identifier: Apache-2.0
// Reads whole files that a configuration names, and the configuration itself.
#pragma once

#include <string>

#include "shm/result.h"

namespace heirloom::config {

// `any`: a pipe too, read to its end however long that takes: for what is read once, at the start. `regular`: for what
// may be read again while the process serves, where waiting for whoever writes a pipe would stop everything.
enum class FileKind { any, regular };

// Errors: "unable to read file: PATH: REASON", also for a file of more than `max_bytes`.
Result<std::string> read_config_file(const std::string& path, size_t max_bytes, FileKind kind);

}  // namespace heirloom::config
