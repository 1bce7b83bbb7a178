// SPDX-License-Identifier: Apache-2.0
// StreamInfo: what is known about one request while it runs and when it ends; the access log's source.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/codec.h"
#include "proxy/network/tls_session.h"
#include "shm/socket_name.h"

namespace heirloom::http {

// Envoy's response flags, in Envoy's order of printing. X(identifier, "SHORT", "LongName").
#define HEIRLOOM_RESPONSE_FLAGS(X)                                                       \
    X(failed_local_health_check, "LH", "FailedLocalHealthCheck")                         \
    X(no_healthy_upstream, "UH", "NoHealthyUpstream")                                    \
    X(upstream_request_timeout, "UT", "UpstreamRequestTimeout")                          \
    X(local_reset, "LR", "LocalReset")                                                   \
    X(upstream_remote_reset, "UR", "UpstreamRemoteReset")                                \
    X(upstream_connection_failure, "UF", "UpstreamConnectionFailure")                    \
    X(upstream_connection_termination, "UC", "UpstreamConnectionTermination")            \
    X(upstream_overflow, "UO", "UpstreamOverflow")                                       \
    X(no_route_found, "NR", "NoRouteFound")                                              \
    X(upstream_retry_limit_exceeded, "URX", "UpstreamRetryLimitExceeded")                \
    X(downstream_connection_termination, "DC", "DownstreamConnectionTermination")        \
    X(stream_idle_timeout, "SI", "StreamIdleTimeout")                                    \
    X(downstream_protocol_error, "DPE", "DownstreamProtocolError")                       \
    X(upstream_max_stream_duration_reached, "UMSDR", "UpstreamMaxStreamDurationReached") \
    X(duration_timeout, "DT", "DurationTimeout")                                         \
    X(upstream_protocol_error, "UPE", "UpstreamProtocolError")                           \
    X(no_cluster_found, "NC", "NoClusterFound")                                          \
    X(overload_manager, "OM", "OverloadManagerTerminated")                               \
    X(downstream_remote_reset, "DR", "DownstreamRemoteReset")

enum class ResponseFlag : uint8_t {
#define X(identifier, short_name, long_name) identifier,
    HEIRLOOM_RESPONSE_FLAGS(X)
#undef X
        count,
};
std::string_view short_name_of(ResponseFlag flag);
std::string_view long_name_of(ResponseFlag flag);

// What most requests do not have: made for the first one that does, then kept for the next ones.
struct UpstreamDetails {
    std::shared_ptr<const network::TlsSession> tls;  // of the connection that was used; null: it was plain
    std::string transport_failure;                   // why there was no connection
};

// Without memory of its own.
struct StreamFacts {
    using Steady = std::chrono::steady_clock::time_point;

    std::chrono::system_clock::time_point start_wall;
    Steady start;
    // Unset until reached.
    std::optional<Steady> request_end;              // last request byte received
    std::optional<Steady> upstream_request_end;     // last byte sent upstream
    std::optional<Steady> upstream_response_start;  // first byte from upstream
    std::optional<Steady> upstream_response_end;
    std::optional<Steady> end;  // last byte out

    std::optional<Protocol> protocol = Protocol::http11;  // absent: a plain TCP connection
    uint16_t response_code = 0;                           // 0: nothing was sent
    uint32_t response_flags = 0;                          // bit = ResponseFlag
    std::string_view response_code_details;               // static text, or in StreamInfo::details_storage
    std::string_view connection_termination_details;      // static: why this side ended the connection
    uint64_t bytes_received = 0;                          // request body
    uint64_t bytes_sent = 0;                              // response body
    uint64_t request_headers_bytes = 0;
    uint64_t response_headers_bytes = 0;
    uint32_t upstream_attempts = 0;

    uint64_t connection_id = 0;
    const shm::SocketAddress* downstream_direct_remote = nullptr;  // socket peer; lives as long as the connection
    const shm::SocketAddress* downstream_local = nullptr;
    const network::TlsSession* downstream_tls = nullptr;  // null: plain; lives as long as the connection
    std::string_view requested_server_name;  // where a listener filter saw it; lives as long as the connection
    const shm::SocketAddress* upstream_host = nullptr;  // endpoint chosen; lives as long as the cluster
    std::optional<shm::SocketAddress> upstream_local;
    std::optional<Protocol> upstream_protocol;  // of the connection that was used; none: raw
    std::string_view upstream_host_name;
    std::string_view upstream_cluster;  // names live in the config snapshot
    std::string_view route_name;
    std::string_view virtual_host;
    std::string_view filter_chain_name;
};

struct StreamInfo : StreamFacts {
    std::string details_storage;
    std::string downstream_remote;  // the client by the XFF rules, when it is not the peer: "ip:port"
    std::unique_ptr<UpstreamDetails> upstream_details;

    void set_flag(ResponseFlag flag) { response_flags |= 1u << static_cast<unsigned>(flag); }
    bool has_flag(ResponseFlag flag) const { return response_flags & (1u << static_cast<unsigned>(flag)); }
    UpstreamDetails& make_upstream_details();
    // Keeps the session for the log, as the connection may end before the stream. `tls`: null on a plain one.
    void set_upstream_connection(std::optional<Protocol> used, const network::TlsSession* tls);
    // The log is written: nothing is kept of a connection that may be gone.
    void forget_upstream_connection() {
        if (upstream_details) upstream_details->tls.reset();
    }
    void reset();  // for the next request; keeps memory
};

}  // namespace heirloom::http
