// SPDX-License-Identifier: Apache-2.0
// One entry of an `access_log` list: where its lines go, and what they say.
#pragma once

#include <string>

#include "proxy/config/access_log_format.h"

namespace heirloom::config {

struct AccessLogConfig {
    enum class Sink { file, standard_output, standard_error };
    Sink sink = Sink::file;
    std::string path;  // file
    LogFormat format = default_access_log_format();
};

}  // namespace heirloom::config
