// SPDX-License-Identifier: Apache-2.0
// One entry of an `access_log` list: where its lines go, what they say, and for which records.
#pragma once

#include <chrono>
#include <string>

#include "proxy/config/access_log_filter.h"
#include "proxy/config/access_log_format.h"

namespace heirloom::config {

// Records of what is not over yet, beside the one at its end.
struct AccessLogOptions {
    std::chrono::milliseconds interval{0};  // one each; 0: none
    bool at_start = false;                  // of a request
    bool at_tunnel = false;                 // when the upstream of a tunnel, or of a TCP connection, is there
};

struct AccessLogConfig {
    enum class Sink { file, standard_output, standard_error };
    Sink sink = Sink::file;
    std::string path;  // file
    LogFormat format = default_access_log_format();
    LogFilter filter;
};

}  // namespace heirloom::config
