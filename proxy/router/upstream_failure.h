// SPDX-License-Identifier: Apache-2.0
// What a client gets when there is no response from upstream: status, text, flag and details, as Envoy words them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/codec.h"
#include "proxy/http/stream_info.h"

namespace heirloom::router {

uint16_t status_of(
    http::StreamReset reason);  // 503, or 502 for a peer that breaks the protocol or cannot do what is needed
http::ResponseFlag flag_of(http::StreamReset reason);

// The body: "upstream connect error or disconnect/reset before headers. reset reason: REASON".
std::string failure_body(http::StreamReset reason, bool retried);

// "upstream_reset_before_response_started{REASON|TRANSPORT FAILURE}", blanks as '_'; after the start likewise.
std::string failure_details(http::StreamReset reason, std::string_view transport_failure, bool response_started);

// The status that outlier detection judges a response by: a gRPC status that comes with its head means more.
uint16_t outlier_status(const http::HeaderMap& headers, uint16_t status);

}  // namespace heirloom::router
