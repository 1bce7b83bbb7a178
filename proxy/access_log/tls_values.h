// SPDX-License-Identifier: Apache-2.0
// What access logs print of the TLS session under a connection. Worker's thread; nothing is kept.
#pragma once

#include <string>

#include "proxy/config/access_log_format.h"
#include "proxy/network/tls_session.h"

namespace heirloom::access_log {

// False, and nothing appended: the value is not there. Also for operators that are not about TLS.
bool append_tls_value(std::string& out, const network::TlsSession& session, config::LogOperator op);

}  // namespace heirloom::access_log
