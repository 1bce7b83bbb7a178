// SPDX-License-Identifier: Apache-2.0
// HTTP/2 on both sides over a network::Connection (RFC 9113), on libnghttp2: framing, HPACK and the state of streams
// are the library's, flow of bodies, limits and the reading of heads are here. Cleartext with prior knowledge or over
// TLS makes no difference to the codec.
//
// Bodies move by reference between the connection's buffers and the receiver. A window opens as the receiver takes
// bytes, so back-pressure is end to end; what is written waits in the stream until the connection has room.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "proxy/http/codec.h"
#include "proxy/network/connection.h"
#include "proxy/stats/store.h"

namespace heirloom::http {

// PING: to find out that a peer is gone. 0: none of that kind.
struct Http2Keepalives {
    std::chrono::milliseconds interval{0};
    std::chrono::milliseconds timeout{0};        // from a PING to the end of the connection, unless bytes come
    double jitter_percent = 15;                  // up to this much is added to each interval
    std::chrono::milliseconds idle_interval{0};  // client: before a stream, when nothing came for longer
};

// Defaults are Envoy's.
struct Http2Settings {
    uint32_t max_headers_bytes = 60 * 1024;  // names and values; more resets the stream
    uint32_t max_headers_count = 100;
    uint32_t max_concurrent_streams = 1024;
    uint32_t initial_stream_window_size = 16 * 1024 * 1024;
    uint32_t initial_connection_window_size = 24 * 1024 * 1024;
    uint32_t hpack_table_size = 4096;  // both directions; 0: a connection's state has no table in it
    bool allow_connect = false;        // extended CONNECT (RFC 8441)
    Http2Keepalives keepalive;
    bool secure = false;  // client: `:scheme` of a request that has none is https

    // What a stream may have written and not sent before its source is told to stop.
    uint32_t stream_buffer_bytes = 256 * 1024;

    // A peer that goes beyond is sent GOAWAY (ENHANCE_YOUR_CALM) and closed.
    uint32_t max_outbound_frames = 10000;  // written, not yet taken by the peer
    uint32_t max_outbound_control_frames = 1000;
    uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
    uint32_t max_inbound_priority_frames_per_stream = 100;
    uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
    // Rapid reset: of this many requests more than half were ended before an answer, each within the time: taken back,
    // or broken by what the client sent.
    uint32_t premature_reset_total_stream_count = 500;
    std::chrono::seconds premature_reset_min_stream_lifetime{1};
};

// `http2.` downstream, `cluster.<name>.http2.` upstream. The owner counts tx_flush_timeout and premature resets
// (downstream_rq_too_many_premature_resets).
// clang-format off
#define HEIRLOOM_HTTP2_STATS(COUNTER, GAUGE, HISTOGRAM) \
    COUNTER(goaway_sent)                                \
    COUNTER(header_overflow)                            \
    COUNTER(inbound_empty_frames_flood)                 \
    COUNTER(inbound_priority_frames_flood)              \
    COUNTER(inbound_window_update_frames_flood)         \
    COUNTER(keepalive_timeout)                          \
    COUNTER(outbound_control_flood)                     \
    COUNTER(outbound_flood)                             \
    COUNTER(rx_messaging_error)                         \
    COUNTER(rx_reset)                                   \
    COUNTER(stream_refused_errors)                      \
    COUNTER(trailers)                                   \
    COUNTER(tx_flush_timeout)                           \
    COUNTER(tx_reset)                                   \
    GAUGE(outbound_control_frames_active)               \
    GAUGE(outbound_frames_active)                       \
    GAUGE(pending_send_bytes)                           \
    GAUGE(streams_active)
// clang-format on
struct Http2Stats {
    HEIRLOOM_HTTP2_STATS(HEIRLOOM_COUNTER, HEIRLOOM_GAUGE, HEIRLOOM_HISTOGRAM)
};
Http2Stats make_http2_stats(stats::Registrar& registrar, const std::string& prefix);  // main thread

// What on_connection_error() says of a client that only takes requests back.
inline constexpr std::string_view kTooManyPrematureResets = "overload_premature_resets";

// `stats` may be null; else it must outlive the codec. Neither may be deleted inside one of its own callbacks:
// EventLoop::destroy_later() with the connection.
//
// The server's maps: pseudo headers first, `host` merged into `:authority`, cookie fields joined; nothing
// connection-specific, no CR, LF, NUL or upper-case name ever gets there. A request that is malformed never reaches
// the owner. A response that ends before its request tells the client to stop sending (RST_STREAM, NO_ERROR).
std::unique_ptr<ServerCodec> make_http2_server(network::Connection& connection, ServerCallbacks& callbacks,
                                               const Http2Settings& settings, const Http2Stats* stats = nullptr);
std::unique_ptr<ClientCodec> make_http2_client(network::Connection& connection, ClientCallbacks& callbacks,
                                               const Http2Settings& settings, const Http2Stats* stats = nullptr);

// The first bytes of a client that speaks HTTP/2 without having asked. `bytes` is what has arrived (more than
// kHttp2PrefaceBytes are not looked at): yes, no, or not decided yet. The rest of the preface is the codec's: who got
// that far does not mean HTTP/1.
inline constexpr size_t kHttp2PrefaceBytes = 12;
enum class Preface : uint8_t { no, incomplete, yes };
Preface find_http2_preface(std::string_view bytes);

}  // namespace heirloom::http
