// SPDX-License-Identifier: Apache-2.0
// The value of one operator as text. What can be decided once is (ids of headers, the environment, the name of the
// host); a value is then appended without an allocation once the string has grown.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "proxy/access_log/access_log.h"
#include "proxy/access_log/request_values.h"
#include "proxy/access_log/time_format.h"
#include "proxy/config/access_log_format.h"

namespace heirloom::access_log {

struct Operation {
    config::LogOperator op = config::LogOperator::literal;
    std::string text;  // name of a header, argument, or the constant of the process
    std::string alternative;
    http::HeaderId id = http::HeaderId::other;  // of `text`
    http::HeaderId alternative_id = http::HeaderId::other;
    size_t max_length = std::string::npos;
    size_t time = 0;  // index into the `times` below
    RequestValue request;
};

// Appends to `times` where the operator prints one.
Operation make_operation(config::LogPiece&& piece, std::vector<TimeFormat>& times);
// False, and nothing appended, when the value is not there. `now`: for %EMIT_TIME%.
bool append_value(std::string& out, const Operation& operation, std::vector<TimeFormat>& times, const Record& record,
                  std::chrono::system_clock::time_point now);

}  // namespace heirloom::access_log
