// SPDX-License-Identifier: Apache-2.0
#include "proxy/router/upstream_failure.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace heirloom::router {

using http::ResponseFlag;
using http::StreamReset;

uint16_t status_of(StreamReset reason) {
    return reason == StreamReset::protocol_error || reason == StreamReset::no_connect ? 502 : 503;
}

ResponseFlag flag_of(StreamReset reason) {
    switch (reason) {
        case StreamReset::local:
            return ResponseFlag::local_reset;
        case StreamReset::remote:
        case StreamReset::remote_refused:
        case StreamReset::unprocessed:
            return ResponseFlag::upstream_remote_reset;
        case StreamReset::connection_terminated:
            return ResponseFlag::upstream_connection_termination;
        case StreamReset::connection_failed:
        case StreamReset::connection_timeout:
            return ResponseFlag::upstream_connection_failure;
        case StreamReset::overflow:
            return ResponseFlag::upstream_overflow;
        case StreamReset::protocol_error:
        case StreamReset::no_connect:
            return ResponseFlag::upstream_protocol_error;
    }
    return ResponseFlag::local_reset;
}

uint16_t outlier_status(const http::HeaderMap& headers, uint16_t status) {
    const http::HeaderField* const grpc = headers.find("grpc-status");
    if (!grpc) return status;
    // By number: OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, ... UNAUTHENTICATED.
    static constexpr uint16_t kStatuses[] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                             400, 409, 400, 501, 500, 503, 500, 401};
    size_t number = 0;
    const auto [end, error] = std::from_chars(grpc->value.data(), grpc->value.data() + grpc->value.size(), number);
    if (error != std::errc() || end != grpc->value.data() + grpc->value.size()) return status;
    return number < std::size(kStatuses) ? kStatuses[number] : 500;
}

std::string failure_body(StreamReset reason, bool retried) {
    std::string body = "upstream connect error or disconnect/reset before headers. ";
    if (retried) body += "retried and the latest ";
    body += "reset reason: ";
    body += http::name_of(reason);
    return body;
}

std::string failure_details(StreamReset reason, std::string_view transport_failure, bool response_started) {
    std::string details =
        response_started ? "upstream_reset_after_response_started{" : "upstream_reset_before_response_started{";
    details += http::name_of(reason);
    if (!transport_failure.empty()) {
        details += '|';
        details += transport_failure;
    }
    details += '}';
    std::replace(details.begin(), details.end(), ' ', '_');
    return details;
}

}  // namespace heirloom::router
