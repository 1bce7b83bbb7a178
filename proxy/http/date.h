// SPDX-License-Identifier: Apache-2.0
// The `date` header: IMF-fixdate (RFC 9110 5.6.7), written once per second and thread.
#pragma once

#include <chrono>
#include <string_view>

namespace heirloom::http {

// "Sun, 06 Nov 1994 08:49:37 GMT". The view is valid until the next call on the same thread.
std::string_view http_date(std::chrono::system_clock::time_point now);

}  // namespace heirloom::http
