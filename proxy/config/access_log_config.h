// SPDX-License-Identifier: Apache-2.0
// One entry of an `access_log` list: where its lines go, what they say, and for which records.
#pragma once

#include <string>

#include "proxy/config/access_log_filter.h"
#include "proxy/config/access_log_format.h"

namespace heirloom::config {

struct AccessLogConfig {
    enum class Sink { file, standard_output, standard_error };
    Sink sink = Sink::file;
    std::string path;  // file
    LogFormat format = default_access_log_format();
    LogFilter filter;
};

}  // namespace heirloom::config
