// SPDX-License-Identifier: Apache-2.0
// The syntax of access-log formats: text -> pieces. config/ uses it to check a file, access_log/ to run it, so that
// both know the same operators. Operators and errors as Envoy has them (reference: access logging).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shm/result.h"

namespace heirloom::config {

extern const char* const kDefaultAccessLogFormat;

// The operators that have a meaning so far. X(identifier, "NAME", takes) with takes = none | header | time | one.
#define HEIRLOOM_LOG_OPERATORS(X)                                                                           \
    X(start_time, "START_TIME", time)                                                                       \
    X(start_time_local, "START_TIME_LOCAL", time)                                                           \
    X(emit_time, "EMIT_TIME", time)                                                                         \
    X(emit_time_local, "EMIT_TIME_LOCAL", time)                                                             \
    X(bytes_received, "BYTES_RECEIVED", none)                                                               \
    X(bytes_sent, "BYTES_SENT", none)                                                                       \
    X(request_headers_bytes, "REQUEST_HEADERS_BYTES", none)                                                 \
    X(response_headers_bytes, "RESPONSE_HEADERS_BYTES", none)                                               \
    X(protocol, "PROTOCOL", none)                                                                           \
    X(upstream_protocol, "UPSTREAM_PROTOCOL", none)                                                         \
    X(response_code, "RESPONSE_CODE", none)                                                                 \
    X(response_code_details, "RESPONSE_CODE_DETAILS", one)                                                  \
    X(response_flags, "RESPONSE_FLAGS", none)                                                               \
    X(response_flags_long, "RESPONSE_FLAGS_LONG", none)                                                     \
    X(duration, "DURATION", none)                                                                           \
    X(request_duration, "REQUEST_DURATION", none)                                                           \
    X(request_tx_duration, "REQUEST_TX_DURATION", none)                                                     \
    X(response_duration, "RESPONSE_DURATION", none)                                                         \
    X(response_tx_duration, "RESPONSE_TX_DURATION", none)                                                   \
    X(route_name, "ROUTE_NAME", none)                                                                       \
    X(upstream_host, "UPSTREAM_HOST", none)                                                                 \
    X(upstream_host_name, "UPSTREAM_HOST_NAME", none)                                                       \
    X(upstream_cluster, "UPSTREAM_CLUSTER", none)                                                           \
    X(upstream_local_address, "UPSTREAM_LOCAL_ADDRESS", none)                                               \
    X(upstream_request_attempt_count, "UPSTREAM_REQUEST_ATTEMPT_COUNT", none)                               \
    X(downstream_remote_address, "DOWNSTREAM_REMOTE_ADDRESS", none)                                         \
    X(downstream_remote_address_without_port, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", none)               \
    X(downstream_remote_port, "DOWNSTREAM_REMOTE_PORT", none)                                               \
    X(downstream_direct_remote_address, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", none)                           \
    X(downstream_direct_remote_address_without_port, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", none) \
    X(downstream_local_address, "DOWNSTREAM_LOCAL_ADDRESS", none)                                           \
    X(downstream_local_address_without_port, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", none)                 \
    X(downstream_local_port, "DOWNSTREAM_LOCAL_PORT", none)                                                 \
    X(connection_id, "CONNECTION_ID", none)                                                                 \
    X(filter_chain_name, "FILTER_CHAIN_NAME", none)                                                         \
    X(hostname, "HOSTNAME", none)                                                                           \
    X(environment, "ENVIRONMENT", one)                                                                      \
    X(req, "REQ", header)                                                                                   \
    X(resp, "RESP", header)                                                                                 \
    X(trailer, "TRAILER", header)

enum class LogOperator {
    literal,
#define X(identifier, name, takes) identifier,
    HEIRLOOM_LOG_OPERATORS(X)
#undef X
};

struct LogPiece {
    LogOperator op = LogOperator::literal;
    std::string text;         // literal text; header name in lower case; time format; argument
    std::string alternative;  // header: the Y of REQ(X?Y), lower case
    std::optional<size_t> max_length;
};

// Errors: "Not supported field in StreamInfo: X", "Incorrect configuration: ...", "X does not take any parameters or
// length".
Result<std::vector<LogPiece>> parse_access_log_format(std::string_view format);

}  // namespace heirloom::config
