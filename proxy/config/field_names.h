// SPDX-License-Identifier: Apache-2.0
// Names of header fields, and text that becomes a part of a request's target. Internal to config/.
#pragma once

#include <string>

#include "proxy/config/problems.h"

namespace heirloom::config {

// The name of a field whose value is asked for; "" stays "". Lower case; `host` is `:authority`, as in Envoy.
std::string read_header_to_read(const std::string& name, const Path& path, Problems& problems);
// Becomes (part of) a path or a host: no control characters, and no blanks, which would end it.
void check_request_target(const std::string& value, const Path& path, Problems& problems);

}  // namespace heirloom::config
