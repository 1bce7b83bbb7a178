// SPDX-License-Identifier: Apache-2.0
// Operators with arguments of their own: %COMMON_DURATION%, %PATH%, %QUERY_PARAM%. Their arguments were checked by the
// loader. All that append: false, and nothing appended, when the value is not there; nothing is allocated once the
// string has grown.
#pragma once

#include <string>
#include <string_view>

#include "proxy/access_log/access_log.h"

namespace heirloom::access_log {

// Arguments, made ready.
struct RequestValue {
    using Point = std::optional<http::StreamInfo::Steady> http::StreamInfo::*;
    Point from = nullptr, to = nullptr;  // null: the start
    int64_t nanoseconds = 1000000;       // of a unit
    bool with_query = true;
    bool original = false, current = false;  // which of the paths, the first first
};

RequestValue make_duration(std::string_view arguments);  // "DS_RX_BEG:DS_TX_END:us"
RequestValue make_path(std::string_view arguments);      // "NQ:ORIG_OR_PATH"

bool append_duration(std::string& out, const RequestValue& value, const http::StreamInfo& info);
bool append_path(std::string& out, const RequestValue& value, const http::HeaderMap& request);
// The first value of the parameter, decoded. A parameter without `=` is there, and empty.
bool append_query_parameter(std::string& out, std::string_view name, const http::HeaderMap& request);

}  // namespace heirloom::access_log
