// SPDX-License-Identifier: Apache-2.0
// How a gRPC call ended: what the trailers say, else the response, else what its HTTP status stands for. Worker's
// thread; nothing is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/access_log/access_log.h"

namespace heirloom::access_log {

// Whatever the request was. None: it is no known code. Without a response it is 2, UNKNOWN.
std::optional<uint32_t> grpc_status_code(const Record& record);
// `form`: "CAMEL_STRING" (also ""), "SNAKE_STRING" or "NUMBER". False, and nothing appended, where the request was no
// gRPC or nothing was answered; a code without a name is printed as a number, what is no number as -1.
bool append_grpc_status(std::string& out, const Record& record, std::string_view form);

}  // namespace heirloom::access_log
