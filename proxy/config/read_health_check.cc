// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "proxy/config/health_config.h"
#include "proxy/config/readers.h"

namespace heirloom::config {
namespace {

using envoy::config::core::v3::HealthCheck;
using envoy::config::core::v3::RequestMethod;
constexpr uint32_t kMostJitterPercent = 1000;
using RangeList = google::protobuf::RepeatedPtrField<envoy::type::v3::Int64Range>;

// `end` is exclusive.
std::vector<StatusRange> read_ranges(const RangeList& ranges, const Path& path, const char* name, Problems& problems) {
    std::vector<StatusRange> read;
    for (int i = 0; i < ranges.size(); ++i) {
        const int64_t first = ranges[i].start(), end = ranges[i].end();
        if (first < 100 || end > 600 || first >= end) {
            problems.error(path.item(name, static_cast<size_t>(i)),
                           "Invalid http status range: expecting start >= 100, end <= 600 and start < end");
            continue;
        }
        read.push_back({static_cast<uint16_t>(first), static_cast<uint16_t>(end - 1)});
    }
    return read;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string read_payload(const HealthCheck::Payload& payload, const Path& path, Problems& problems) {
    if (payload.payload_case() == HealthCheck::Payload::kBinary) return payload.binary();
    const std::string& text = payload.text();
    std::string bytes;
    bool good = !text.empty() && text.size() % 2 == 0;
    for (size_t i = 0; good && i < text.size(); i += 2) {
        const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        good = high >= 0 && low >= 0;
        bytes += static_cast<char>(high * 16 + low);
    }
    if (!good) problems.error(path.field("text"), "must be bytes in hexadecimal");
    return bytes;
}

HttpCheckConfig read_http(const HealthCheck::HttpHealthCheck& message, const Path& path, Problems& problems) {
    HttpCheckConfig check;
    check.host = message.host();
    check_header_value(check.host, path.field("host"), problems);
    check.path = message.path();
    require_text(check.path, path.field("path"), problems);
    check_header_value(check.path, path.field("path"), problems);
    if (message.method() != RequestMethod::METHOD_UNSPECIFIED) check.method = RequestMethod_Name(message.method());
    check.http2 = message.codec_client_type() == envoy::type::v3::HTTP2;
    if (message.expected_statuses_size() > 0)
        check.expected = read_ranges(message.expected_statuses(), path, "expected_statuses", problems);
    check.retriable = read_ranges(message.retriable_statuses(), path, "retriable_statuses", problems);
    return check;
}

TcpCheckConfig read_tcp(const HealthCheck::TcpHealthCheck& message, const Path& path, Problems& problems) {
    TcpCheckConfig check;
    if (message.has_send()) check.send = read_payload(message.send(), path.field("send"), problems);
    for (int i = 0; i < message.receive_size(); ++i) {
        check.receive.push_back(
            read_payload(message.receive(i), path.item("receive", static_cast<size_t>(i)), problems));
    }
    return check;
}

uint32_t read_threshold(bool there, uint32_t value, const Path& path, Problems& problems) {
    if (!there) problems.error(path, "required");
    return std::max(value, 1u);
}

void read_intervals(const HealthCheck& message, const Path& path, HealthCheckConfig& check, Problems& problems) {
    const auto required = [&](bool there, const auto& duration, const char* name) {
        if (!there) {
            problems.error(path.field(name), "required");
            return Milliseconds(1);
        }
        const Milliseconds read = read_duration(duration, path.field(name), problems);
        if (read.count() == 0) problems.error(path.field(name), "must be more than 0");
        return read;
    };
    check.timeout = required(message.has_timeout(), message.timeout(), "timeout");
    check.interval = required(message.has_interval(), message.interval(), "interval");
    READ_DURATION(message, initial_jitter, path, problems, check.initial_jitter);
    READ_DURATION(message, interval_jitter, path, problems, check.interval_jitter);
    check.interval_jitter_percent = message.interval_jitter_percent();
    // More would only put the next check off, in the end for ever.
    if (check.interval_jitter_percent > kMostJitterPercent)
        problems.error(path.field("interval_jitter_percent"), "must be at most 1000");
    const auto positive = [&](bool there, const auto& duration, const char* name, Milliseconds otherwise) {
        return there ? required(true, duration, name) : otherwise;
    };
#define READ_INTERVAL(name, otherwise) check.name = positive(message.has_##name(), message.name(), #name, otherwise)
    READ_INTERVAL(no_traffic_interval, check.no_traffic_interval);
    READ_INTERVAL(no_traffic_healthy_interval, check.no_traffic_interval);
    READ_INTERVAL(unhealthy_interval, check.interval);
    READ_INTERVAL(unhealthy_edge_interval, check.unhealthy_interval);
    READ_INTERVAL(healthy_edge_interval, check.interval);
#undef READ_INTERVAL
}

}  // namespace

std::shared_ptr<const HealthCheckConfig> read_health_check(const HealthCheck& message, const Path& path,
                                                           Problems& problems) {
    auto check = std::make_shared<HealthCheckConfig>();
    read_intervals(message, path, *check, problems);
    check->unhealthy_threshold =
        read_threshold(message.has_unhealthy_threshold(), message.unhealthy_threshold().value(),
                       path.field("unhealthy_threshold"), problems);
    check->healthy_threshold = read_threshold(message.has_healthy_threshold(), message.healthy_threshold().value(),
                                              path.field("healthy_threshold"), problems);
    READ_WRAPPED(message, reuse_connection, check->reuse_connection);
    switch (message.health_checker_case()) {
        case HealthCheck::kHttpHealthCheck:
            check->kind = read_http(message.http_health_check(), path.field("http_health_check"), problems);
            break;
        case HealthCheck::kTcpHealthCheck:
            check->kind = read_tcp(message.tcp_health_check(), path.field("tcp_health_check"), problems);
            break;
        case HealthCheck::kGrpcHealthCheck: {
            GrpcCheckConfig grpc{message.grpc_health_check().service_name(), message.grpc_health_check().authority()};
            check_header_value(grpc.authority, path.field("grpc_health_check").field("authority"), problems);
            check->kind = std::move(grpc);
            break;
        }
        case HealthCheck::HEALTH_CHECKER_NOT_SET:
            problems.error(path, "one of http_health_check, tcp_health_check, grpc_health_check is required");
            break;
    }
    return check;
}

}  // namespace heirloom::config
