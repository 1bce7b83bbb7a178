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

// The operators that have a meaning so far. X(identifier, "NAME", takes, text) with takes = none | header | time | one.
#define HEIRLOOM_LOG_OPERATORS(X)                                                                                 \
    X(start_time, "START_TIME", time, text)                                                                       \
    X(start_time_local, "START_TIME_LOCAL", time, text)                                                           \
    X(emit_time, "EMIT_TIME", time, text)                                                                         \
    X(emit_time_local, "EMIT_TIME_LOCAL", time, text)                                                             \
    X(bytes_received, "BYTES_RECEIVED", none, number)                                                             \
    X(bytes_sent, "BYTES_SENT", none, number)                                                                     \
    X(request_headers_bytes, "REQUEST_HEADERS_BYTES", none, number)                                               \
    X(response_headers_bytes, "RESPONSE_HEADERS_BYTES", none, number)                                             \
    X(response_trailers_bytes, "RESPONSE_TRAILERS_BYTES", none, number)                                           \
    X(protocol, "PROTOCOL", none, text)                                                                           \
    X(upstream_protocol, "UPSTREAM_PROTOCOL", none, text)                                                         \
    X(response_code, "RESPONSE_CODE", none, number)                                                               \
    X(response_code_details, "RESPONSE_CODE_DETAILS", one, text)                                                  \
    X(connection_termination_details, "CONNECTION_TERMINATION_DETAILS", none, text)                               \
    X(response_flags, "RESPONSE_FLAGS", none, text)                                                               \
    X(response_flags_long, "RESPONSE_FLAGS_LONG", none, text)                                                     \
    X(duration, "DURATION", none, number)                                                                         \
    X(request_duration, "REQUEST_DURATION", none, number)                                                         \
    X(request_tx_duration, "REQUEST_TX_DURATION", none, number)                                                   \
    X(response_duration, "RESPONSE_DURATION", none, number)                                                       \
    X(response_tx_duration, "RESPONSE_TX_DURATION", none, number)                                                 \
    X(common_duration, "COMMON_DURATION", one, number)                                                            \
    X(route_name, "ROUTE_NAME", none, text)                                                                       \
    X(upstream_host, "UPSTREAM_HOST", none, text)                                                                 \
    X(upstream_host_name, "UPSTREAM_HOST_NAME", none, text)                                                       \
    X(upstream_host_name_without_port, "UPSTREAM_HOST_NAME_WITHOUT_PORT", none, text)                             \
    X(upstream_cluster, "UPSTREAM_CLUSTER", none, text)                                                           \
    X(upstream_local_address, "UPSTREAM_LOCAL_ADDRESS", none, text)                                               \
    X(upstream_local_address_without_port, "UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", none, text)                     \
    X(upstream_local_port, "UPSTREAM_LOCAL_PORT", none, number)                                                   \
    X(upstream_remote_address, "UPSTREAM_REMOTE_ADDRESS", none, text)                                             \
    X(upstream_remote_address_without_port, "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", none, text)                   \
    X(upstream_remote_port, "UPSTREAM_REMOTE_PORT", none, number)                                                 \
    X(upstream_request_attempt_count, "UPSTREAM_REQUEST_ATTEMPT_COUNT", none, number)                             \
    X(downstream_remote_address, "DOWNSTREAM_REMOTE_ADDRESS", none, text)                                         \
    X(downstream_remote_address_without_port, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", none, text)               \
    X(downstream_remote_port, "DOWNSTREAM_REMOTE_PORT", none, number)                                             \
    X(downstream_direct_remote_address, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", none, text)                           \
    X(downstream_direct_remote_address_without_port, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", none, text) \
    X(downstream_direct_remote_port, "DOWNSTREAM_DIRECT_REMOTE_PORT", none, number)                               \
    X(downstream_local_address, "DOWNSTREAM_LOCAL_ADDRESS", none, text)                                           \
    X(downstream_local_address_without_port, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", none, text)                 \
    X(downstream_local_port, "DOWNSTREAM_LOCAL_PORT", none, number)                                               \
    X(connection_id, "CONNECTION_ID", none, number)                                                               \
    X(stream_id, "STREAM_ID", none, text)                                                                         \
    X(access_log_type, "ACCESS_LOG_TYPE", none, text)                                                             \
    X(filter_chain_name, "FILTER_CHAIN_NAME", none, text)                                                         \
    X(requested_server_name, "REQUESTED_SERVER_NAME", none, text)                                                 \
    X(downstream_tls_version, "DOWNSTREAM_TLS_VERSION", none, text)                                               \
    X(downstream_tls_cipher, "DOWNSTREAM_TLS_CIPHER", none, text)                                                 \
    X(downstream_tls_session_id, "DOWNSTREAM_TLS_SESSION_ID", none, text)                                         \
    X(downstream_peer_subject, "DOWNSTREAM_PEER_SUBJECT", none, text)                                             \
    X(downstream_peer_issuer, "DOWNSTREAM_PEER_ISSUER", none, text)                                               \
    X(downstream_peer_serial, "DOWNSTREAM_PEER_SERIAL", none, text)                                               \
    X(downstream_peer_fingerprint_256, "DOWNSTREAM_PEER_FINGERPRINT_256", none, text)                             \
    X(downstream_peer_fingerprint_1, "DOWNSTREAM_PEER_FINGERPRINT_1", none, text)                                 \
    X(downstream_peer_cert, "DOWNSTREAM_PEER_CERT", none, text)                                                   \
    X(downstream_peer_cert_v_start, "DOWNSTREAM_PEER_CERT_V_START", time, text)                                   \
    X(downstream_peer_cert_v_end, "DOWNSTREAM_PEER_CERT_V_END", time, text)                                       \
    X(downstream_peer_uri_san, "DOWNSTREAM_PEER_URI_SAN", none, text)                                             \
    X(downstream_peer_dns_san, "DOWNSTREAM_PEER_DNS_SAN", none, text)                                             \
    X(downstream_peer_ip_san, "DOWNSTREAM_PEER_IP_SAN", none, text)                                               \
    X(downstream_peer_email_san, "DOWNSTREAM_PEER_EMAIL_SAN", none, text)                                         \
    X(downstream_local_subject, "DOWNSTREAM_LOCAL_SUBJECT", none, text)                                           \
    X(downstream_local_uri_san, "DOWNSTREAM_LOCAL_URI_SAN", none, text)                                           \
    X(downstream_local_dns_san, "DOWNSTREAM_LOCAL_DNS_SAN", none, text)                                           \
    X(downstream_local_ip_san, "DOWNSTREAM_LOCAL_IP_SAN", none, text)                                             \
    X(downstream_local_email_san, "DOWNSTREAM_LOCAL_EMAIL_SAN", none, text)                                       \
    X(upstream_tls_version, "UPSTREAM_TLS_VERSION", none, text)                                                   \
    X(upstream_tls_cipher, "UPSTREAM_TLS_CIPHER", none, text)                                                     \
    X(upstream_tls_session_id, "UPSTREAM_TLS_SESSION_ID", none, text)                                             \
    X(upstream_peer_subject, "UPSTREAM_PEER_SUBJECT", none, text)                                                 \
    X(upstream_peer_issuer, "UPSTREAM_PEER_ISSUER", none, text)                                                   \
    X(upstream_peer_cert, "UPSTREAM_PEER_CERT", none, text)                                                       \
    X(upstream_peer_cert_v_start, "UPSTREAM_PEER_CERT_V_START", time, text)                                       \
    X(upstream_peer_cert_v_end, "UPSTREAM_PEER_CERT_V_END", time, text)                                           \
    X(upstream_peer_uri_san, "UPSTREAM_PEER_URI_SAN", none, text)                                                 \
    X(upstream_peer_dns_san, "UPSTREAM_PEER_DNS_SAN", none, text)                                                 \
    X(upstream_peer_ip_san, "UPSTREAM_PEER_IP_SAN", none, text)                                                   \
    X(upstream_local_uri_san, "UPSTREAM_LOCAL_URI_SAN", none, text)                                               \
    X(upstream_local_dns_san, "UPSTREAM_LOCAL_DNS_SAN", none, text)                                               \
    X(upstream_local_ip_san, "UPSTREAM_LOCAL_IP_SAN", none, text)                                                 \
    X(upstream_transport_failure_reason, "UPSTREAM_TRANSPORT_FAILURE_REASON", none, text)                         \
    X(grpc_status, "GRPC_STATUS", one, text)                                                                      \
    X(grpc_status_number, "GRPC_STATUS_NUMBER", none, number)                                                     \
    X(local_reply_body, "LOCAL_REPLY_BODY", none, text)                                                           \
    X(hostname, "HOSTNAME", none, text)                                                                           \
    X(environment, "ENVIRONMENT", argument, text)                                                                 \
    X(req, "REQ", header, text)                                                                                   \
    X(resp, "RESP", header, text)                                                                                 \
    X(trailer, "TRAILER", header, text)                                                                           \
    X(query_param, "QUERY_PARAM", argument, text)                                                                 \
    X(path, "PATH", optional, text)

enum class LogOperator {
    literal,
#define X(identifier, name, takes, gives) identifier,
    HEIRLOOM_LOG_OPERATORS(X)
#undef X
};

// Where a piece stands: in a text; a whole JSON value, with quotes unless it is a number; a part of a JSON string.
enum class LogForm : uint8_t { text, json_value, json_part };

struct LogPiece {
    LogOperator op = LogOperator::literal;
    std::string text;         // literal text; header name in lower case; time format; argument
    std::string alternative;  // header: the Y of REQ(X?Y), lower case
    std::optional<size_t> max_length;
    LogForm form = LogForm::text;  // of a literal: it is printed as it is

    bool operator==(const LogPiece&) const = default;
};

struct LogFormat {
    std::vector<LogPiece> pieces;
    std::string_view missing = "-";  // what stands in a text for a value that is not there; a whole JSON value: null

    bool operator==(const LogFormat&) const = default;
};
bool is_number(LogOperator op);

// Errors: "Not supported field in StreamInfo: X", "Incorrect configuration: ...", "X does not take any parameters or
// length".
Result<std::vector<LogPiece>> parse_access_log_format(std::string_view format);
LogFormat default_access_log_format();

}  // namespace heirloom::config
