// SPDX-License-Identifier: Apache-2.0
// The seam between bytes and HTTP events, the same for every protocol version. A codec knows framing and nothing of
// policy: no routes, no timeouts, no stats names.
//
//   downstream:  bytes -> ServerCodec -> ServerCallbacks::on_new_stream -> RequestDecoder;  ResponseEncoder -> bytes
//   upstream:    RequestEncoder -> bytes;  bytes -> ClientCodec -> ResponseDecoder
//
// HTTP/1 has one stream at a time: a pipelined request is not parsed before the response to the one before it is
// complete. HTTP/2 has many: each decoder hears of the end and the flow of its own stream. All of it belongs to the
// worker's thread.
//
// Tunnels look the same for every protocol, as HTTP/1.1 has them. An upgrade is a request with the field `upgrade`,
// accepted by 101; CONNECT is accepted by 2xx (HTTP/2 codecs translate extended CONNECT and its 200, RFC 8441). The
// bodies are then the tunnel's bytes, and end_stream on one side finishes that side only. A request for a tunnel never
// has end_stream when it comes by HTTP/1; answered by anything else it is an ordinary request whose rest is dropped.
// Bytes that came early are delivered: their receiver holds them until the tunnel is open.
//
// An encoder is dead after the last callback of its decoder and after its own reset(): from then on no call to it.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/headers.h"
#include "proxy/network/buffer.h"

namespace heirloom::http {

enum class Protocol : uint8_t { http10, http11, http2 };
std::string_view name_of(Protocol protocol);  // "HTTP/1.1", as %PROTOCOL% prints it

enum class StreamReset : uint8_t {
    local,                  // this side gave it up
    remote,                 // RST_STREAM by the peer
    remote_refused,         // the peer has not looked at it: RST_STREAM, REFUSED_STREAM, or GOAWAY for an error
    unprocessed,            // nor here: it came after the last stream of an orderly GOAWAY, or never left
    connection_terminated,  // the connection ended in the middle of it
    connection_failed,      // it was never established
    connection_timeout,
    overflow,        // circuit breaker
    protocol_error,  // the peer broke the protocol
    no_connect,      // the peer has not offered extended CONNECT, which an upgrade needs over HTTP/2
};
// Envoy's words: "connection termination", "remote connection failure", ... (reference: local replies).
std::string_view name_of(StreamReset reset);

// What the codec found wrong with a request; the connection manager answers and closes.
struct CodecError {
    uint16_t status = 400;     // 400, 413, 426, 431, 501
    std::string_view details;  // static: "http1.codec_error", "http1.headers_too_large", ...
};

class BodyFlow {
  public:
    virtual ~BodyFlow() = default;
    // The receiver of this message's body is slow / has caught up. Counted: two pauses need two resumes.
    virtual void pause_reading() = 0;
    virtual void resume_reading() = 0;
};

// --- downstream ------------------------------------------------------------------------------------------------------
class RequestDecoder {
  public:
    virtual ~RequestDecoder() = default;
    // `headers` lives in the codec until the stream ends; the decoder may change it. `:scheme` is only there when the
    // request line was absolute.
    virtual void on_request_headers(HeaderMap& headers, Protocol protocol, bool end_stream) = 0;
    virtual void on_request_body(network::Buffer& data, bool end_stream) = 0;  // takes what is in `data`, all of it
    virtual void on_request_trailers(HeaderMap& trailers) = 0;                 // ends the request
    // The stream is over before its response was complete (connection gone, RST_STREAM). Last callback.
    virtual void on_stream_reset(StreamReset reason) = 0;
    // HTTP/2: request and response are complete. Last callback. (HTTP/1: ServerCallbacks::on_stream_complete.)
    virtual void on_stream_complete() {}
    // HTTP/2: what this stream has written and the client has not taken is above the limit / below half of it.
    virtual void on_response_flow_high() {}
    virtual void on_response_flow_low() {}
};

class ResponseEncoder {
  public:
    virtual ~ResponseEncoder() = default;
    virtual void encode_interim(uint16_t status, const HeaderMap& headers) = 0;  // 100, 103 ...; before the final head
    // Reads `:status`; writes framing headers itself (content-length is kept when there, else chunked or close).
    // `close_connection`: HTTP/1 says `connection: close` (HTTP/2 ignores it: GOAWAY is a connection matter).
    virtual void encode_headers(const HeaderMap& headers, bool end_stream, bool close_connection) = 0;
    virtual void encode_body(network::Buffer& data, bool end_stream) = 0;  // takes all bytes of `data`
    virtual void encode_trailers(const HeaderMap& trailers) = 0;           // ends the response
    virtual void reset(StreamReset reason) = 0;  // HTTP/1: the connection is closed when the response had begun
    // HTTP/2: the rest of a request has no reader. REQUIRES: a tunnel whose response has ended. When the client has
    // all of that the stream ends by RST_STREAM, without an error.
    virtual void forgo_request() {}
    virtual BodyFlow& request_flow() = 0;
    // Bytes written by this stream that the socket has not taken yet are above the watermark.
    virtual bool above_high_watermark() const = 0;
};

class ServerCallbacks {
  public:
    virtual ~ServerCallbacks() = default;
    // A request begins. The encoder lives until its decoder had the last callback.
    virtual RequestDecoder& on_new_stream(ResponseEncoder& encoder) = 0;
    // Request and response of the current stream are complete; `reusable`: the connection may carry another one.
    // HTTP/2: some stream has ended, complete or not; its decoder was told before.
    virtual void on_stream_complete(bool reusable) = 0;
    // HTTP/2: the client broke the protocol or a limit; all streams were reset, GOAWAY is written. Close after flush.
    // `details` is static: the stat that counted it, or "http2.codec_error".
    virtual void on_connection_error(std::string_view details) { static_cast<void>(details); }
    // HTTP/2: a stream has ended whose head never came whole, or was refused: on_new_stream() was not called for it.
    // `details` is static.
    virtual void on_broken_head(StreamReset reason, std::string_view details) {
        static_cast<void>(reason);
        static_cast<void>(details);
    }
    // HTTP/2: the client opens no further stream. End the connection when open_streams() is 0.
    virtual void on_goaway() {}
    // Unusable input. There is always a stream to answer on: for a broken head on_new_stream() was called just before
    // and its decoder never gets headers. The decoder of a request that has begun gets no further callback. A response
    // sent now says `connection: close`; on_stream_complete(false) follows it.
    virtual void on_codec_error(const CodecError& error) = 0;
};

class ServerCodec {
  public:
    virtual ~ServerCodec() = default;
    // Parses the connection's read buffer as far as it may. Call on new bytes and when a stream has completed.
    virtual void dispatch() = 0;
    // Remote FIN. True: a tunnel, of which it finished one side; the connection goes on.
    virtual bool on_end_of_stream() { return false; }
    virtual void on_connection_closed() = 0;  // resets what is open
    virtual void on_write_buffer_high() = 0;
    virtual void on_write_buffer_low() = 0;
    // Nothing has arrived of a next request (a drain may close; an idle timer may run).
    virtual bool idle() const = 0;
    // A part of a request's head has arrived, and not its end.
    virtual bool reading_head() const = 0;
    virtual Protocol protocol() const = 0;
    virtual size_t open_streams() const { return idle() ? 0 : 1; }
    // HTTP/2: GOAWAY in two steps, so that no request is lost: the notice, which takes nothing away, and some time
    // later the one that names the last stream; it is in the write buffer at once, or when the callback that asked for
    // it returns. Then the connection is over when open_streams() is 0. HTTP/1 says it in a response.
    virtual void start_draining() {}
    virtual void finish_draining() {}
};

// --- upstream --------------------------------------------------------------------------------------------------------
class ResponseDecoder {
  public:
    virtual ~ResponseDecoder() = default;
    virtual void on_interim(uint16_t status, HeaderMap& headers) = 0;
    virtual void on_response_headers(HeaderMap& headers,
                                     bool end_stream) = 0;  // has `:status`; lives until the stream ends
    virtual void on_response_body(network::Buffer& data, bool end_stream) = 0;
    virtual void on_response_trailers(HeaderMap& trailers) = 0;
    virtual void on_stream_reset(StreamReset reason) = 0;  // last callback, unless the response ended before
    // The connection's write buffer for this request is high / low again: slow down the source of the body.
    virtual void on_request_flow_high() = 0;
    virtual void on_request_flow_low() = 0;
    // HTTP/2: the exchange is complete both ways. Last callback. (HTTP/1: ClientCallbacks::on_stream_complete.)
    virtual void on_stream_complete() {}
};

class RequestEncoder {
  public:
    virtual ~RequestEncoder() = default;
    // Reads `:method`, `:path`, `:authority`; writes framing itself. HTTP/2: an upgrade may have to wait for what the
    // peer's SETTINGS say of extended CONNECT (RFC 8441, 3): its body must wait until it is accepted.
    virtual void encode_headers(const HeaderMap& headers, bool end_stream) = 0;
    virtual void encode_body(network::Buffer& data, bool end_stream) = 0;
    virtual void encode_trailers(const HeaderMap& trailers) = 0;
    virtual void reset(StreamReset reason) = 0;  // no callback follows; HTTP/1 closes the connection
    virtual BodyFlow& response_flow() = 0;
};

class ClientCallbacks {
  public:
    virtual ~ClientCallbacks() = default;
    // The exchange is complete both ways; `reusable`: the connection may carry another one.
    // HTTP/2: some stream has ended, complete or not, or only its exchange; its decoder was told before.
    virtual void on_stream_complete(bool reusable) = 0;
    // The peer broke the protocol; the stream (HTTP/2: each stream) was reset with protocol_error.
    virtual void on_protocol_error() = 0;
    // HTTP/2: no new stream on this connection. Those that the peer will not serve are reset: unprocessed.
    virtual void on_goaway() {}
    virtual void on_max_streams_changed() {}  // see ClientCodec::max_streams()
};

class ClientCodec {
  public:
    virtual ~ClientCodec() = default;
    // REQUIRES: open_streams() < max_streams().
    virtual RequestEncoder& new_stream(ResponseDecoder& decoder) = 0;
    virtual void dispatch() = 0;
    // Remote FIN: ends a response that is framed by close; one cut short is a protocol error; none at all a terminated
    // connection. Then on_connection_closed(), unless it returns true: a tunnel, of which it finished one side.
    virtual bool on_end_of_stream() = 0;
    virtual void on_connection_closed(StreamReset reason) = 0;
    virtual void on_write_buffer_high() = 0;
    virtual void on_write_buffer_low() = 0;
    virtual size_t open_streams() const = 0;
    // Of them those that matter to somebody: whose decoder waits for a callback. HTTP/2: a stream that was reset, or
    // whose response came before the request was taken, stays open until its last frame has left; it is no exchange.
    virtual size_t exchanges() const { return open_streams(); }
    // As many as the peer allows at once; 0 when it takes no more. HTTP/1: one.
    virtual size_t max_streams() const { return 1; }
};

}  // namespace heirloom::http
