// SPDX-License-Identifier: Apache-2.0
// What access logs print of the TLS session under a connection. Worker's thread; nothing is kept.
#pragma once

#include <string>
#include <string_view>

#include "proxy/config/access_log_format.h"
#include "proxy/network/tls_session.h"

namespace heirloom::access_log {

// All: false, and nothing appended, when the value is not there.

// Whom a client asked for. It may say anything: a log line stays a line of words.
bool append_server_name(std::string& out, std::string_view name);
// Also false for operators that are not about a session.
bool append_tls_value(std::string& out, const network::TlsSession& session, config::LogOperator op);

}  // namespace heirloom::access_log
