// SPDX-License-Identifier: Apache-2.0
// Which records of an access log are written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/matchers.h"
#include "proxy/config/runtime_key.h"

namespace heirloom::config {

struct LogFilter {
    enum class Kind : uint8_t {
        all_of,  // also without parts: everything
        any_of,
        status_code,
        duration,
        sample,
        header,
        response_flag,
        grpc_status,
        log_type,
    };
    enum class Compare : uint8_t { equal, at_least, at_most };

    Kind kind = Kind::all_of;
    std::vector<LogFilter> parts;      // all_of, any_of
    Compare compare = Compare::equal;  // status_code, duration (milliseconds)
    uint32_t value = 0;                // the same
    uint32_t numerator = 0;            // sample
    uint32_t denominator = 100;        // sample
    bool by_request_id = true;         // sample; false: each by chance
    RuntimeKey key;                    // in place of `value`, or of `numerator`
    HeaderMatch header;                // header: of the request
    std::vector<std::string> flags;    // response_flag: short names; none: any flag
    uint32_t chosen = 0;               // grpc_status: bit of each code; log_type: bit of each LogType
    bool exclude = false;              // the same two: those that are not chosen
};

// As in Envoy's API. X(identifier, number, "Name").
#define HEIRLOOM_LOG_TYPES(X)                            \
    X(not_set, 0, "NotSet")                              \
    X(tcp_upstream_connected, 1, "TcpUpstreamConnected") \
    X(tcp_periodic, 2, "TcpPeriodic")                    \
    X(tcp_connection_end, 3, "TcpConnectionEnd")         \
    X(downstream_start, 4, "DownstreamStart")            \
    X(downstream_periodic, 5, "DownstreamPeriodic")      \
    X(downstream_end, 6, "DownstreamEnd")                \
    X(tunnel_established, 10, "DownstreamTunnelSuccessfullyEstablished")

enum class LogType : uint8_t {
#define X(identifier, number, name) identifier = number,
    HEIRLOOM_LOG_TYPES(X)
#undef X
};

constexpr std::string_view name_of(LogType type) {
    switch (type) {
#define X(identifier, number, name) \
    case LogType::identifier:       \
        return name;
        HEIRLOOM_LOG_TYPES(X)
#undef X
    }
    return {};
}

}  // namespace heirloom::config
