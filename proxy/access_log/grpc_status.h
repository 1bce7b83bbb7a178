// SPDX-License-Identifier: Apache-2.0
// %GRPC_STATUS%: how a gRPC call ended. Worker's thread; nothing is kept.
#pragma once

#include <string>
#include <string_view>

#include "proxy/access_log/access_log.h"

namespace heirloom::access_log {

// `form`: "CAMEL_STRING" (also ""), "SNAKE_STRING" or "NUMBER". False, and nothing appended, where the request was no
// gRPC or nobody said a status; a status without a name is printed as it is.
bool append_grpc_status(std::string& out, const Record& record, std::string_view form);

}  // namespace heirloom::access_log
