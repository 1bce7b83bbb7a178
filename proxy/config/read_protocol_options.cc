// SPDX-License-Identifier: Apache-2.0
#include "envoy/config/core/v3/protocol.pb.h"
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::Http1ProtocolOptions;
using envoy::config::core::v3::Http2ProtocolOptions;
using envoy::config::core::v3::HttpProtocolOptions;
using envoy::config::core::v3::KeepaliveSettings;
using envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;

constexpr uint32_t kMostOfProtocol = 2147483647;  // 2^31 - 1
constexpr uint32_t kLeastWindow = 65535;

void check_range(uint32_t value, uint32_t least, uint32_t most, const Path& path, Problems& problems) {
    if (value >= least && value <= most) return;
    problems.error(path, most == UINT32_MAX ? "must be at least " + std::to_string(least)
                                            : "must be from " + std::to_string(least) + " to " + std::to_string(most));
}

void read_keepalive(const KeepaliveSettings& message, const Path& path, Http2Config& config, Problems& problems) {
    const auto check = [&](bool is_set, Milliseconds value, const char* name) {
        if (is_set && value.count() == 0) problems.error(path.field(name), "must be at least 0.001s");
    };
    READ_DURATION(message, interval, path, problems, config.keepalive_interval);
    READ_DURATION(message, timeout, path, problems, config.keepalive_timeout);
    READ_DURATION(message, connection_idle_interval, path, problems, config.keepalive_idle_interval);
    if (!message.has_timeout()) problems.error(path.field("timeout"), "required");
    check(message.has_timeout(), config.keepalive_timeout, "timeout");
    check(message.has_interval(), config.keepalive_interval, "interval");
    check(message.has_connection_idle_interval(), config.keepalive_idle_interval, "connection_idle_interval");
    if (!message.has_interval_jitter()) return;
    config.keepalive_jitter_percent = message.interval_jitter().value();
    if (!(config.keepalive_jitter_percent >= 0 && config.keepalive_jitter_percent <= 100)) {
        problems.error(path.field("interval_jitter").field("value"), "must be from 0 to 100");
    }
}

}  // namespace

void read_common_options(const HttpProtocolOptions& message, const Path& path, const CommonHttpOptions& target,
                         Problems& problems) {
    READ_DURATION(message, idle_timeout, path, problems, target.idle_timeout);
    READ_DURATION(message, max_connection_duration, path, problems, target.max_connection_duration);
    READ_WRAPPED(message, max_requests_per_connection, target.max_requests_per_connection);
}

bool read_proper_case(const Http1ProtocolOptions& message, const Path& path, Problems& problems) {
    if (!message.has_header_key_format()) return false;
    if (message.header_key_format().header_format_case() ==
        Http1ProtocolOptions::HeaderKeyFormat::HEADER_FORMAT_NOT_SET)
        problems.error(path.field("header_key_format"), "one of proper_case_words, stateful_formatter is required");
    return message.header_key_format().has_proper_case_words();
}

PreserveCase read_preserve_case(const Http1ProtocolOptions& message, const Path& path, Problems& problems) {
    PreserveCase preserve;
    if (!message.header_key_format().has_stateful_formatter()) return preserve;
    PreserveCaseFormatterConfig formatter;
    preserve.on = message.header_key_format().stateful_formatter().typed_config().UnpackTo(&formatter);
    preserve.capitalize_added = formatter.formatter_type_on_envoy_headers() == PreserveCaseFormatterConfig::PROPER_CASE;
    preserve.forward_reason = formatter.forward_reason_phrase();
    const Path at = path.field("header_key_format").field("stateful_formatter");
    if (!preserve.on) problems.error(at.field("typed_config"), "required");
    require_text(message.header_key_format().stateful_formatter().name(), at.field("name"), problems);
    return preserve;
}

Http2Config read_http2_options(const Http2ProtocolOptions& message, const Path& path, Problems& problems) {
    Http2Config config;
#define READ_LIMIT(name, least, most)         \
    READ_WRAPPED(message, name, config.name); \
    check_range(config.name, least, most, path.field(#name), problems)
    READ_LIMIT(hpack_table_size, 0, UINT32_MAX);
    READ_LIMIT(max_concurrent_streams, 1, kMostOfProtocol);
    READ_LIMIT(initial_stream_window_size, kLeastWindow, kMostOfProtocol);
    READ_LIMIT(initial_connection_window_size, kLeastWindow, kMostOfProtocol);
    READ_LIMIT(max_outbound_frames, 1, UINT32_MAX);
    READ_LIMIT(max_outbound_control_frames, 1, UINT32_MAX);
    READ_LIMIT(max_consecutive_inbound_frames_with_empty_payload, 0, UINT32_MAX);
    READ_LIMIT(max_inbound_priority_frames_per_stream, 0, UINT32_MAX);
    READ_LIMIT(max_inbound_window_update_frames_per_data_frame_sent, 1, UINT32_MAX);
#undef READ_LIMIT
    config.allow_connect = message.allow_connect();
    if (message.has_override_stream_error_on_invalid_http_message() &&
        !message.override_stream_error_on_invalid_http_message().value()) {
        problems.error(path.field("override_stream_error_on_invalid_http_message"),
                       "only true is supported: a malformed message ends its stream, not the connection");
    }
    if (message.has_connection_keepalive()) {
        read_keepalive(message.connection_keepalive(), path.field("connection_keepalive"), config, problems);
    }
    return config;
}

}  // namespace heirloom::config
